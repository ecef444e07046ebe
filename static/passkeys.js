// Asks the browser for a passkey, new or known, and posts what it says with the form that asked. Without this file the
// same forms take codes.
"use strict";
(() => {
  const able = window.PublicKeyCredential?.parseRequestOptionsFromJSON;
  if (!able) return;
  for (const form of document.querySelectorAll("form[data-passkey]")) {
    const button = form.querySelector("[data-passkey-button]");
    if (!button || !form.dataset.passkey) continue;
    const failed = form.querySelector("[data-passkey-failed]");
    form.querySelector("[data-passkey-without]").hidden = true;
    button.hidden = false;
    button.addEventListener("click", async (event) => {
      event.preventDefault();
      failed.hidden = true;
      button.disabled = true;
      try {
        form.elements.passkey.value = JSON.stringify(await ask(form));
        form.submit();
      } catch {
        button.disabled = false;
        failed.hidden = false;
      }
    });
  }

  async function ask(form) {
    const options = JSON.parse(form.dataset.passkey);
    const answer =
      "passkeyNew" in form.dataset
        ? await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) })
        : await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) });
    return answer.toJSON();
  }
})();
