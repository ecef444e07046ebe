// The request form's conveniences: the form does everything without them. What is typed stays in this tab until it is
// submitted; nothing of it is a secret, and the tokens of the form are never kept.
"use strict";
(() => {
  const one = (selector, from = document) => from.querySelector(selector);
  let form = one("#request-form");
  if (!form) return;
  const KEY = `amicopy-draft-${form.dataset.person}`;
  const NOT_KEPT = new Set(["csrfmiddlewaretoken", "submission", "checked", "preset-name", "known_problems"]);

  // --- Regions the account can't use, told after the page was drawn: options change, the choice doesn't ---
  function applyRegions() {
    const facts = one("#region-facts");
    if (!facts) return;
    for (const select of document.querySelectorAll("select[data-regions]")) {
      const known = new Map([...select.options].map((option) => [option.value, option]));
      for (const fact of facts.querySelectorAll("option")) {
        const option = known.get(fact.value) || select.appendChild(new Option(fact.textContent, fact.value));
        option.textContent = fact.textContent;
        option.disabled = fact.disabled && !option.selected;
      }
    }
    for (const fact of facts.querySelectorAll("option")) {
      const box = one(`#region-${CSS.escape(fact.value)}`);
      if (box) box.disabled = fact.disabled && !box.checked;
    }
  }
  document.addEventListener("htmx:after:swap", applyRegions);

  // --- what is known to be in the way: who submits anyway does so in spite of what stands on the page ---
  document.addEventListener("htmx:after:swap", () => {
    const list = one("#in-the-way [data-known]");
    if (list) one("#known-problems").value = list.dataset.known;
  });

  // --- rows that are written into: all at once, and how many they are ---
  const picks = () => [...document.querySelectorAll("[data-pick]")];
  function countPicks() {
    const picked = picks().filter((box) => box.checked).length;
    const every = one("[data-every]");
    if (!every) return;
    every.checked = picked > 0 && picked === picks().length;
    one("[data-picked]").textContent = picked || picks().length;
  }
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-every]")) for (const box of picks()) box.checked = event.target.checked;
    if (event.target.matches("[data-every], [data-pick]")) countPicks();
  });
  // What was written into rows has left the line for all; a browser keeps what was typed over the answer.
  let applied = false;
  document.addEventListener("click", (event) => (applied ||= Boolean(event.target.closest("[name=apply]"))));
  function clearApplied() {
    if (!applied) return;
    applied = false;
    for (const input of document.querySelectorAll(".drow.all input:not([type=checkbox])")) input.value = "";
    for (const select of document.querySelectorAll(".drow.all select")) select.selectedIndex = 0;
  }
  document.addEventListener("htmx:after:swap", clearApplied);
  document.addEventListener("htmx:after:swap", countPicks);
  countPicks();

  document.addEventListener("click", (event) => {
    // --- the source is in another Region: choose it and look again ---
    const use = event.target.closest("[data-use-region]");
    const select = one("#source-fields select[data-regions]");
    if (use && [...select.options].some((option) => option.value === use.dataset.useRegion)) {
      event.preventDefault();
      select.value = use.dataset.useRegion;
      select.dispatchEvent(new Event("input", { bubbles: true }));
      select.dispatchEvent(new Event("change", { bubbles: true }));
      select.focus();
    }
  });

  // --- the draft ---
  const store = {
    read() {
      try {
        return JSON.parse(sessionStorage.getItem(KEY));
      } catch {
        return null;
      }
    },
    write(draft) {
      try {
        sessionStorage.setItem(KEY, JSON.stringify(draft));
      } catch {
        // Full or switched off: there is no draft then.
      }
    },
    clear() {
      try {
        sessionStorage.removeItem(KEY);
      } catch {
        // As above.
      }
    },
  };
  const typed = () => [...new FormData(form)].filter(([name, value]) => !NOT_KEPT.has(name) && typeof value === "string");
  const BY_HAND = "input:not([type=hidden], [type=checkbox], [type=radio]), textarea, select[data-regions]";
  const keep = () => {
    const any = [...form.elements].some((element) => element.matches(BY_HAND) && element.value.trim());
    if (any) store.write({ submission: form.elements.submission.value, fields: typed() });
    else store.clear();
  };
  const submitted = () =>
    document.cookie
      .split("; ")
      .find((pair) => pair.startsWith("submitted="))
      ?.slice("submitted=".length);

  let later = 0;
  document.addEventListener("input", (event) => {
    if (!form.contains(event.target)) return;
    clearTimeout(later);
    later = setTimeout(keep, 200);
  });
  document.addEventListener("htmx:after:swap", () => form.isConnected && !("fresh" in form.dataset) && keep());
  addEventListener("pagehide", () => later && keep());

  async function restore(draft) {
    const body = new FormData();
    for (const name of ["csrfmiddlewaretoken", "submission"]) body.append(name, form.elements[name].value);
    for (const [name, value] of draft.fields) body.append(name, value);
    body.append("restore", "1");
    const answer = await fetch(location.pathname, { method: "POST", body });
    if (!answer.ok || answer.redirected) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const filled = one("#request-form", page);
    if (!filled) return;
    form.replaceWith(document.adoptNode(filled));
    form = filled;
    htmx.process(form);
    applyRegions();
    const note = document.createElement("div");
    note.className = "flash";
    note.dataset.kind = "info";
    note.setAttribute("role", "status");
    const words = document.createElement("div");
    const strong = document.createElement("strong");
    strong.textContent = "What you typed before is back.";
    const afresh = document.createElement("button");
    afresh.type = "button";
    afresh.className = "link-btn";
    afresh.textContent = "Start afresh";
    afresh.addEventListener("click", () => {
      clearTimeout(later);
      later = 0;
      store.clear();
      location.assign(location.pathname);
    });
    words.append(strong, " Nothing was submitted. ", afresh);
    note.append(words);
    form.before(note);
  }

  const draft = store.read();
  if (draft && draft.submission === submitted()) store.clear();
  else if (draft && "fresh" in form.dataset && draft.fields?.length) restore(draft);
  else if (!("fresh" in form.dataset)) keep();
})();
