// Why the server has no figures for this page any more. A stream does not tell the browser; the page's own address does.

const NOT_SHOWN = new Set([401, 403, 404]);

// "login": the way leads to a login now; "withdrawn": nothing is shown at this address; "": it may be otherwise soon.
export async function whyRefused() {
  const asked = { method: "HEAD", cache: "no-store", redirect: "manual", headers: { Accept: "text/html" } };
  const answer = await fetch(location.href, asked).catch(() => null);
  if (answer?.type === "opaqueredirect") return outermost() === top ? "login" : "withdrawn";
  return NOT_SHOWN.has(answer?.status) ? "withdrawn" : "";
}

// The login is shown in place of all our frames; other sites may not frame it.
export function showLogin() {
  outermost().location.reload();
}

function outermost() {
  let page = window;
  try {
    while (page !== top && page.parent.document) page = page.parent;
  } catch {
    // of another site
  }
  return page;
}
