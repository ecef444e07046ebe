// Makes the call that the API reference shows, with the token that was pasted. Nothing is kept, here or elsewhere.
"use strict";
(() => {
  const one = (selector) => document.querySelector(selector);
  const form = one("#try-form");
  if (!form) return;
  form.hidden = false;
  one("#try-curl").open = false;

  // --- from the form to a call ---
  function call() {
    const headers = new Headers({ Authorization: `Bearer ${one("#try-token").value.trim()}` });
    const query = new URLSearchParams();
    let path = form.dataset.path;
    for (const input of form.querySelectorAll("[data-where]")) {
      const { name, where } = input.dataset;
      if (where === "path") path = path.replace(`{${name}}`, encodeURIComponent(input.value));
      else if (!input.value) continue;
      else if (where === "query") query.append(name, input.value);
      else headers.set(name, input.value);
    }
    const body = one("#try-body")?.value;
    if (body !== undefined) headers.set("Content-Type", "application/json");
    const address = query.size ? `${path}?${query}` : path;
    // Without the session: the token alone opens it, as it does for programs.
    const options = { credentials: "omit", cache: "no-store", redirect: "error" };
    return [address, { method: form.dataset.method, headers, body, ...options }];
  }

  // --- from an answer to words ---
  async function content(answer) {
    const kind = answer.headers.get("Content-Type") ?? "";
    if (!/json|^text\//.test(kind)) return `${(await answer.blob()).size} bytes`;
    const text = await answer.text();
    if (!/json$|json;/.test(kind)) return text;
    try {
      return JSON.stringify(JSON.parse(text), null, 2);
    } catch {
      return text;
    }
  }
  function show(status, headers, body) {
    one("#try-status").textContent = status;
    one("#try-headers").textContent = headers;
    one("#try-content").textContent = body;
    one("#try-answer").hidden = false;
    one("#try-answer").focus();
  }

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("button");
    button.disabled = true;
    try {
      const answer = await fetch(...call());
      const headers = [...answer.headers].map(([name, value]) => `${name}: ${value}`).join("\n");
      show(`${answer.status} ${answer.statusText}`.trim(), headers, await content(answer));
    } catch (error) {
      show("No answer", "", error.message);
    } finally {
      button.disabled = false;
    }
  });
})();
