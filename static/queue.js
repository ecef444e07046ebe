// Single keys in the queue of approvals: each clicks what is on the page. Off while somebody types, and where the
// settings say so; without this file every button works as it stands.
"use strict";
(() => {
  const one = (selector, from = document) => from.querySelector(selector);
  const open = () => one("#queue li.is-open");

  // --- after a decision the next request's name has the focus; a reason that is missing has it itself ---
  let decided = false;
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-decide], .undo button")) decided = true;
  });
  document.addEventListener("htmx:after:swap", () => {
    if (!decided || !one("#queue")) return;
    decided = false;
    const wrong = one("#queue [aria-invalid=true]");
    (wrong || one("#queue a.name[aria-current]") || one("#queue a.name"))?.focus();
    tick();
  });

  // --- the time that is left to undo ---
  function tick() {
    for (const bar of document.querySelectorAll("progress[data-until]")) {
      const left = (Date.parse(bar.dataset.until) - Date.now()) / 1000;
      bar.max = Math.max(bar.max, left);
      bar.value = Math.max(0, left);
      if (left <= 0) bar.closest("form").hidden = true;
    }
  }
  setInterval(tick, 500);
  tick();

  // --- what was begun with `s` or `r` is sent with Ctrl and Enter ---
  let begun = null;
  function begin(kind) {
    const form = one("form.peek-decide", open() || document);
    const reason = form && one("textarea", form);
    if (!reason || !one(`[data-decide=${kind}]`, form)) return;
    begun = { form: form.id, kind };
    mark();
    reason.focus();
  }
  // An answer brings the form anew, without the mark.
  function mark() {
    const form = begun && document.getElementById(begun.form);
    if (form) form.dataset.begun = begun.kind;
  }
  document.addEventListener("htmx:after:swap", mark);
  document.addEventListener("keydown", (event) => {
    const form = event.target.closest?.("form.peek-decide");
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || form?.id !== begun?.form) return;
    event.preventDefault();
    if (begun) one(`[data-decide=${begun.kind}]`, form)?.click();
  });

  if (document.cookie.split("; ").includes("shortcuts=off")) return;
  let afterG = 0;
  const keys = {
    a: () => {
      const button = one("[data-decide=approve]", open() || document);
      if (open()?.hasAttribute("data-risky")) button?.focus();
      else button?.click();
    },
    s: () => begin("changes"),
    r: () => begin("reject"),
    x: () => one("input[name=pick]", open() || document)?.click(),
    u: () => one(".undo:not([hidden]) [data-key=u]")?.click(),
    // `j` and `k` have moved the focus; the request they came to opens.
    j: () => opened(),
    k: () => opened(),
  };
  function opened() {
    const name = document.activeElement;
    if (name?.matches("#queue a.name:not([aria-current])")) name.click();
  }
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    if (event.target.closest("input:not([type=checkbox]), textarea, select, [contenteditable]")) return;
    if (one("dialog[open]")) return;
    if (event.key === "g") {
      afterG = Date.now();
      return;
    }
    // A key is about the request that has the focus: one that isn't open yet is opened, and nothing else happens.
    const row = document.activeElement?.closest("#queue li[data-request]");
    const recent = Date.now() - afterG < 1500;
    afterG = 0;
    if (recent || !keys[event.key]) return;
    if (row && row !== open() && !"jku".includes(event.key)) one("a.name", row).click();
    else keys[event.key]();
    event.preventDefault();
  });
})();
