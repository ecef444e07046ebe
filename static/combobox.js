// Fields with a list to choose from. Each is a line to type in, which works without this file and without the list; the
// list is asked for when somebody types or wants it. https://www.w3.org/WAI/ARIA/apg/patterns/combobox/
"use strict";
(() => {
  const COMPLETE = /^ami-(?:[0-9a-f]{8}|[0-9a-f]{17})$/;
  const SOON = 250;
  // The field whose list is open, the option that arrows have reached, and whether the first is wanted once it is there.
  let open = null;
  let active = null;
  let wantsFirst = false;
  let later = 0;

  const boxOf = (element) => element?.closest?.("[data-combo]");
  const fieldOf = (element) => boxOf(element)?.querySelector('[role="combobox"]');
  const listOf = (field) => boxOf(field).querySelector(".listbox");
  const optionsOf = (field) => [...listOf(field).querySelectorAll('[role="option"]')];
  const wordsOf = (field) => field.value.split(/[\s,;]+/).filter(Boolean);
  const say = (field, words) => {
    const voice = boxOf(field).querySelector('[role="status"]');
    if (voice.textContent !== words) voice.textContent = words;
  };

  function reach(option) {
    active?.classList.remove("active");
    active = option;
    if (!option) {
      open?.removeAttribute("aria-activedescendant");
      return;
    }
    option.classList.add("active");
    open.setAttribute("aria-activedescendant", option.id);
    option.scrollIntoView({ block: "nearest" });
  }

  function close() {
    if (!open) return;
    reach(null);
    listOf(open).hidden = true;
    open.setAttribute("aria-expanded", "false");
    open.removeAttribute("aria-controls");
    say(open, "");
    open = null;
    wantsFirst = false;
  }

  // The list has come: it is one only if it has options.
  function shown() {
    const list = listOf(open).querySelector('[role="listbox"]');
    open.setAttribute("aria-expanded", list ? "true" : "false");
    if (list) open.setAttribute("aria-controls", list.id);
    else open.removeAttribute("aria-controls");
    const count = listOf(open).querySelector("[data-count]");
    if (count) say(open, count.textContent.replace(/\s+/g, " ").trim());
    const value = active?.dataset.value;
    const options = optionsOf(open);
    active = null;
    reach(options.find((option) => value && option.dataset.value === value) || (wantsFirst && options[0]) || null);
    if (options.length) wantsFirst = false;
  }

  function ask(field) {
    if (open !== field) close();
    open = field;
    listOf(field).hidden = false;
    listOf(field).dispatchEvent(new CustomEvent("look"));
  }

  function choose(option) {
    if (option.getAttribute("aria-disabled") === "true") {
      reach(option);
      say(open, option.querySelector(".why").textContent.trim());
      return;
    }
    const field = open;
    const value = option.dataset.value;
    if (field.dataset.many !== undefined) {
      const chosen = wordsOf(field).filter((word) => COMPLETE.test(word));
      field.value = (chosen.includes(value) ? chosen.filter((id) => id !== value) : [...chosen, value]).join(" ");
    } else {
      field.value = value;
    }
    clearTimeout(later);
    close();
    changed(field);
  }

  // What looks things up goes by the event that leaving a field has.
  function changed(field) {
    field.dispatchEvent(new InputEvent("input", { bubbles: true, data: "chosen" }));
    clearTimeout(later);
    field.dispatchEvent(new Event("change", { bubbles: true }));
  }

  document.addEventListener("input", (event) => {
    const field = event.target;
    if (field.getAttribute?.("role") !== "combobox" || event.data === "chosen") return;
    clearTimeout(later);
    const last = wordsOf(field).at(-1) || "";
    if (field.dataset.many !== undefined && COMPLETE.test(last)) {
      // An ID is complete: it is looked at now, not when the field is left.
      close();
      later = setTimeout(() => field.dispatchEvent(new Event("change", { bubbles: true })), SOON);
    } else {
      later = setTimeout(() => document.activeElement === field && ask(field), SOON);
    }
  });

  document.addEventListener("keydown", (event) => {
    const field = event.target;
    if (field.getAttribute?.("role") !== "combobox" || event.ctrlKey || event.metaKey || event.isComposing) return;
    const options = open === field ? optionsOf(field) : [];
    // By what it says: an answer may have put another element into its place.
    const at = options.findIndex((option) => option.dataset.value === active?.dataset.value);
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      if (open !== field) {
        ask(field);
        wantsFirst = true;
      } else if (options.length) {
        const step = event.key === "ArrowDown" ? 1 : -1;
        reach(options[at < 0 ? (step > 0 ? 0 : options.length - 1) : (at + step + options.length) % options.length]);
      }
    } else if (event.key === "Home" && active) {
      reach(options[0]);
    } else if (event.key === "End" && active) {
      reach(options.at(-1));
    } else if (event.key === "Enter" && open === field) {
      if (active) choose(active);
      else close();
    } else if (event.key === "Escape" && open === field) {
      close();
    } else {
      if (event.key === "Tab") close();
      return;
    }
    event.preventDefault();
  });

  // The field keeps the focus while somebody points at its list.
  document.addEventListener("mousedown", (event) => {
    if (event.target.closest?.("[data-combo] .listbox, .combo-open")) event.preventDefault();
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.(".combo-open");
    const option = event.target.closest?.('[data-combo] [role="option"]');
    if (button) {
      const field = fieldOf(button);
      field.focus();
      if (open === field) close();
      else ask(field);
    } else if (option && open) {
      choose(option);
    }
  });
  document.addEventListener("focusout", (event) => {
    if (open && event.target === open && boxOf(event.relatedTarget) !== boxOf(open)) close();
  });
  document.addEventListener("htmx:after:swap", () => {
    if (open && !open.isConnected) {
      open = active = null;
    } else if (open && listOf(open).childElementCount) {
      shown();
    }
  });
})();
