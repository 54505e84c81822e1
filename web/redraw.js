// Makes what is on the page the same as new HTML of the server, and touches nothing that is the
// same already: a list stays where it was scrolled to, an open menu open, what is typed and the
// focus where they are. Children are told apart by `data-key`; `data-kept` is the script's own.

export function fragment(html) {
  const made = document.createElement("template");
  made.innerHTML = html;
  return made.content;
}

/** Draws the inside of a part anew. */
export function redraw(part, html) {
  holdingFocus(part, () => children(part, fragment(html)));
}

/** Draws one element anew. */
export function redrawOne(old, fresh) {
  holdingFocus(old, () => morph(old, fresh));
}

/** Whoever works by keyboard stays where he was, or as near to it as there still is something. */
function holdingFocus(part, draw) {
  const held = part.contains(document.activeElement) ? document.activeElement : null;
  const key = held?.closest("[data-key]")?.dataset.key;
  draw();
  if (!held || document.activeElement === held) return;
  const item = key && part.querySelector(`[data-key="${CSS.escape(key)}"] summary`);
  const next = part.contains(held) ? held : item || part.querySelector("[tabindex='-1']");
  next?.focus({ preventScroll: true });
}

function morph(old, fresh) {
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.nodeValue !== fresh.nodeValue) old.nodeValue = fresh.nodeValue;
    return;
  }
  if ("kept" in old.dataset) return;
  attributes(old, fresh);
  if (!("since" in old.dataset)) children(old, fresh); // a timer's text is its own
}

function attributes(old, fresh) {
  for (const { name, value } of fresh.attributes) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  for (const name of old.getAttributeNames()) {
    const opened = name === "open" && old.localName === "details";
    if (!opened && !fresh.hasAttribute(name)) old.removeAttribute(name);
  }
}

const keyOf = (node) => node.dataset?.key;

function children(old, fresh) {
  const wanted = [...fresh.childNodes];
  const keys = new Set(wanted.map(keyOf));
  const byKey = new Map();
  for (const child of [...old.children]) {
    const key = keyOf(child);
    if (key === undefined) continue;
    // What has gone goes first, so that what stays need not move: moved, it would lose the focus.
    if (keys.has(key)) byKey.set(key, child);
    else child.remove();
  }
  let at = old.firstChild;
  for (const one of wanted) {
    const key = keyOf(one);
    let same = key === undefined ? at : byKey.get(key);
    if (key !== undefined) {
      while (same && at && at !== same && keyOf(at) === undefined) at = drop(at);
    } else if (at?.nodeName !== one.nodeName || keyOf(at) !== undefined) {
      same = null;
    }
    if (!same) old.insertBefore(one, at);
    else {
      if (same === at) at = at.nextSibling;
      else old.insertBefore(same, at);
      morph(same, one);
    }
  }
  while (at) at = drop(at);
}

function drop(node) {
  const next = node.nextSibling;
  node.remove();
  return next;
}
