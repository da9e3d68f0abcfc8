// Keep the screen on where the browser lets us (only over HTTPS or on this machine); never mind where it does not.

export function stayAwake() {
  const ask = async () => {
    if (document.hidden || !navigator.wakeLock) return;
    try {
      await navigator.wakeLock.request("screen");
    } catch {
      // low battery, a frame without the permission: the board works without
    }
  };
  document.addEventListener("visibilitychange", ask);
  ask();
}
