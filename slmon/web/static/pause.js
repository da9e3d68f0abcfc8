// The space bar or the Pause key holds the board still and lets it go on. A board that is held shows nothing live.

export function onPause(turn) {
  document.addEventListener("keydown", (event) => {
    const meant = event.code === "Space" || event.code === "Pause";
    if (!meant || event.repeat || event.ctrlKey || event.altKey || event.metaKey || event.target.closest("button")) return;
    event.preventDefault();
    turn();
  });
}
