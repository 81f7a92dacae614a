// Forms marked data-quiet are sent without leaving the page; what the gateway answers in words is shown in a toast.
import { refreshNow } from "./live.js";

const TOAST_MS = 6000;

export function sendQuietly() {
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!(form instanceof HTMLFormElement) || !("quiet" in form.dataset)) return;
    event.preventDefault();
    send(form);
  });
}

async function send(form) {
  const button = form.querySelector("button");
  button.disabled = true;
  try {
    const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) });
    if (!answer.ok) say(new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("message")?.textContent);
    document.activeElement?.blur();
    await refreshNow();
  } catch {
    document.getElementById("offline").hidden = false;
  } finally {
    button.disabled = false;
  }
}

function say(text) {
  if (!text) return;
  const toast = document.getElementById("toast");
  toast.textContent = text;
  toast.hidden = false;
  setTimeout(() => { toast.hidden = true; }, TOAST_MS);
}
