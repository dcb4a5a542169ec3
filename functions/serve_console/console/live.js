// Keeps a view up to date: reads every two seconds while it is looked at, seldom while it fails, never while hidden.

const SECONDS = 1000;
const EVERY = 2 * SECONDS;
const AT_MOST = 30 * SECONDS;

/** Reads again and again and shows what has changed. Returns what ends it, and what reads at once. */
export function live(read, shown, failed) {
  let timer = 0, pause = EVERY, last = "", turn = 0, over = false;

  async function look() {
    clearTimeout(timer);
    const mine = ++turn;
    try {
      const found = await read();
      if (over || mine !== turn) return;
      pause = EVERY;
      const text = JSON.stringify(found);
      if (text !== last) {
        last = text;
        shown(found);
      }
    } catch (error) {
      if (over || mine !== turn) return;
      pause = Math.min(2 * pause, AT_MOST);
      last = "";
      failed(error);
    }
    if (!document.hidden) timer = setTimeout(look, pause);
  }

  function turned() {
    if (document.hidden) clearTimeout(timer);
    else look();
  }

  document.addEventListener("visibilitychange", turned);
  look();
  return {
    again: look,
    end() {
      over = true;
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", turned);
    },
  };
}
