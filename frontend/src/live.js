// Hears of changes by server-sent events and fetches the page again: only marked parts are replaced, so that scroll,
// open tables and what somebody types stay. A hidden page waits until it is looked at.

const ACTIVE_MS = 5 * 60 * 1000; // a page that somebody touched in the last minutes prolongs the session
const OFFLINE_MS = 6000;
const REFRESH_MS_MIN = 4000;
const REFUSED_MS = 30000;

let lastTouch = Date.now();
let lastRefresh = Date.now();
let soonTimer = 0;
let running = false;
let missed = false;
let offlineTimer = 0;
let onReplaced = () => {};

export function keepFresh(replaced) {
  onReplaced = replaced;
  for (const kind of ["pointerdown", "keydown", "scroll"]) {
    addEventListener(kind, () => { lastTouch = Date.now(); }, { passive: true });
  }
  document.addEventListener("visibilitychange", () => { if (!document.hidden && missed) refresh(); });
  listen();
  setInterval(refresh, 60000); // ages in words ("3 minutes ago") grow even when nothing changes
}

function listen() {
  const source = new EventSource("/events?seen=" + document.getElementById("main").dataset.seen);
  source.addEventListener("open", () => sayOffline(false));
  source.addEventListener("hello", () => { if (missed) refresh(); });
  source.addEventListener("change", refresh);
  source.addEventListener("error", () => {
    missed = true;
    if (source.readyState === EventSource.CLOSED) { // refused: logged out, which the page's own fetch settles, or full
      setTimeout(listen, REFUSED_MS);
      refreshNow();
    } else if (!offlineTimer) {
      offlineTimer = setTimeout(() => sayOffline(true), OFFLINE_MS);
    }
  });
}

function sayOffline(isOffline) {
  clearTimeout(offlineTimer);
  offlineTimer = 0;
  document.getElementById("offline").hidden = !isOffline;
}

export function refreshNow() {
  lastRefresh = 0;
  return refresh();
}

async function refresh() {
  const wait = lastRefresh + REFRESH_MS_MIN - Date.now();
  if (document.hidden || running || wait > 0) {
    missed = true;
    if (!document.hidden && !soonTimer) soonTimer = setTimeout(() => { soonTimer = 0; refresh(); }, Math.max(wait, 200));
    return;
  }
  running = true;
  try {
    const active = Date.now() - lastTouch < ACTIVE_MS ? "active" : "idle";
    const answer = await fetch(location.href, { headers: { "X-Live": active, Accept: "text/html" } });
    if (answer.status === 401) { location.href = "/login?next=" + encodeURIComponent(location.pathname + location.search); return; }
    if (!answer.ok) return;
    replaceParts(new DOMParser().parseFromString(await answer.text(), "text/html"));
    missed = false;
  } catch {
    missed = true; // the event stream notices the same and says so on the page
  } finally {
    lastRefresh = Date.now();
    running = false;
  }
}

function replaceParts(fresh) {
  for (const part of fresh.querySelectorAll("[data-live][id]")) {
    const old = document.getElementById(part.id);
    if (!old || old.outerHTML === part.outerHTML || isInUse(old)) continue;
    if (part.dataset.chart && old.querySelector(".canvas") && part.querySelector(".canvas")) updateChart(old, part);
    else { keepOpen(old, part); old.replaceWith(document.adoptNode(part)); }
  }
  onReplaced();
}

function isInUse(part) {
  const focused = document.activeElement;
  return part.contains(focused) && focused.matches("input, textarea, select, button");
}

function keepOpen(old, part) {
  for (const open of old.querySelectorAll("details[open][id]")) {
    const same = part.querySelector("#" + CSS.escape(open.id));
    if (same) same.open = true;
  }
}

function updateChart(old, part) {
  old.dataset.chart = part.dataset.chart;
  old.querySelector(".canvas").setAttribute("aria-label", part.querySelector(".canvas").getAttribute("aria-label"));
  const table = part.querySelector("table");
  if (table) old.querySelector("table").replaceWith(document.adoptNode(table));
}
