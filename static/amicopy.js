// Conveniences only: every page works without this file. No page needs it to be read, and nothing here changes data.
"use strict";
(() => {
  const root = document.documentElement;
  root.classList.add("js");
  const one = (selector, from = document) => from.querySelector(selector);
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];

  // --- copy an ID with one click ---
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-print]")) window.print();
  });

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-clip]");
    if (!button) return;
    try {
      await navigator.clipboard.writeText(button.dataset.clip);
    } catch {
      const text = button.previousElementSibling;
      if (text) getSelection().selectAllChildren(text);
      return;
    }
    button.classList.add("done");
    say(`Copied ${button.dataset.clip}`);
    setTimeout(() => button.classList.remove("done"), 1500);
  });

  // --- relative times grow older while the page stays open; the words are those of the `ago` filter ---
  function ago(when) {
    const seconds = Math.floor((Date.now() - when) / 1000);
    if (seconds < 60) return "just now";
    if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
    if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ago`;
    if (seconds < 7 * 86400) return `${Math.floor(seconds / 86400)} d ago`;
    return "";
  }
  setInterval(() => {
    for (const time of all("time[data-ago]")) {
      const words = ago(Date.parse(time.dateTime));
      if (words && time.textContent !== words) time.textContent = words;
    }
  }, 20000);

  // --- times are shown in the browser's time zone, from the next page on, unless the person chose another ---
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zone) document.cookie = `browser-time-zone=${zone}; path=/; max-age=31536000; samesite=lax`;

  // --- one polite voice: says a change of state once, never a percent ---
  function say(words) {
    let voice = one("#announce");
    if (!voice) {
      voice = document.createElement("p");
      voice.id = "announce";
      voice.className = "visually-hidden";
      voice.setAttribute("role", "status");
      one("main").append(voice);
    }
    voice.textContent = words;
  }
  const stateOf = (words) => (words || "").replace(/\d+%/g, "");
  let said = stateOf(one("[data-says]")?.dataset.says);

  // --- polling: slower in a background tab, a note when answers stay away ---
  const SLOWER = 5;
  const LATE = 30000;
  let answered = Date.now();
  let skipped = 0;
  const isPoll = (element) => (element?.getAttribute?.("hx-trigger") || "").startsWith("every");

  document.addEventListener("htmx:before:request", (event) => {
    if (!isPoll(event.target) || !document.hidden) return;
    skipped = (skipped + 1) % SLOWER;
    if (skipped) event.preventDefault();
  });
  document.addEventListener("htmx:after:request", (event) => {
    const status = event.detail?.ctx?.response?.raw?.status ?? event.detail?.ctx?.response?.status ?? 0;
    if (status >= 200 && status < 400) {
      answered = Date.now();
      one("#updates-stopped")?.remove();
    }
  });
  setInterval(() => {
    const polling = one('[hx-trigger^="every"]');
    if (document.hidden || !polling) {
      answered = Date.now();
      return;
    }
    if (Date.now() - answered < LATE || one("#updates-stopped")) return;
    const note = document.createElement("div");
    note.id = "updates-stopped";
    note.className = "flash";
    note.dataset.kind = "warn";
    note.setAttribute("role", "status");
    const words = document.createElement("div");
    const strong = document.createElement("strong");
    strong.textContent = "Updates have stopped.";
    const link = document.createElement("a");
    link.href = location.href;
    link.textContent = "Reload";
    words.append(strong, " The page can’t reach amicopy and keeps trying. What you see may be old. ", link);
    note.append(words);
    one("main").prepend(note);
  }, 5000);
  document.addEventListener("htmx:after:swap", () => {
    const part = one("[data-says]");
    if (!part) return;
    const now = stateOf(part.dataset.says);
    if (now !== said) say(part.dataset.says);
    said = now;
    const icon = one("#favicon");
    if (icon && part.dataset.icon && icon.getAttribute("href") !== part.dataset.icon) icon.href = part.dataset.icon;
  });

  // --- a poll names the state its page shows, so that the same again needs no answer, and the parts it has; those that
  // are still the same come back empty and stay as they are ---
  window.htmx?.registerExtension("polls", {
    htmx_config_request: (element, { ctx }) => {
      if (element.dataset?.tag) ctx.request.headers["If-None-Match"] = `"${element.dataset.tag}"`;
      const parts = all("[data-part]", element).map((part) => part.dataset.part);
      if (parts.length) ctx.request.headers["HX-Parts"] = parts.join(" ");
    },
    htmx_before_morph_node: (element, { newNode }) => !newNode.hasAttribute?.("data-kept"),
  });

  // --- keyboard shortcuts, off while somebody types and where the settings say so ---
  if (document.cookie.split("; ").includes("shortcuts=off")) return;
  let afterG = 0;
  const follow = (key) => one(`[data-key="${key}"]`)?.click();
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (event.target.closest("input, textarea, select, [contenteditable]")) return;
    if (one("dialog[open]") && event.key !== "?") return;
    const key = event.key;
    if (Date.now() - afterG < 1500 && "drahs".includes(key)) {
      afterG = 0;
      follow(key);
    } else if (key === "g") {
      afterG = Date.now();
      return;
    } else if (key === "/") {
      const field = one('[data-key="/"]');
      const folded = field?.closest("details");
      if (folded) folded.open = true;
      field?.focus();
    } else if (key === "n") {
      follow(key);
    } else if (key === "?") {
      const sheet = one("#shortcuts");
      if (sheet?.open) sheet.close();
      else sheet?.showModal();
    } else if (key === "j" || key === "k") {
      step(key === "j" ? 1 : -1);
    } else {
      return;
    }
    event.preventDefault();
  });
  function step(by) {
    const names = all("main a.name");
    if (!names.length) return;
    const at = names.indexOf(document.activeElement);
    names[Math.min(names.length - 1, Math.max(0, at < 0 ? (by > 0 ? 0 : names.length - 1) : at + by))].focus();
  }
})();
