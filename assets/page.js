// What Gradio's page lacks: on a small screen the side bar opens on demand only; the address names the conversation
// that is open, so that every tab comes back to its own; Escape stops an answer; a time moves the player to it
// (ui/strip.py); and what is copied is free of such links, and of the invisible joiners that keep strangers' markup
// from being obeyed (ui/markdown.py).
(() => {
  const bar = () => document.querySelector("#sidebar");
  const small = () => window.matchMedia("(max-width: 768px)").matches;

  const close = () => {
    if (small() && bar()?.classList.contains("open")) bar().querySelector(".toggle-button").click();
  };

  // On a small screen the panel of results covers the answer, so it opens by its own buttons alone. One of them asks
  // the server, so the panel opens a while later.
  let wanted = false;
  let awaited = false;
  document.addEventListener("click", (event) => {
    if (event.target.closest("#results .toggle-button") && event.isTrusted) wanted = true;
    if (event.target.closest("#show-text")) awaited = true;
  }, true);
  new MutationObserver(() => {
    const panel = document.querySelector("#results");
    if (!panel?.classList.contains("open")) wanted = awaited;
    else awaited = false;
    if (panel?.classList.contains("open") && small() && !wanted) panel.querySelector(".toggle-button").click();
  }).observe(document.documentElement, { attributes: true, attributeFilter: ["class"], childList: true, subtree: true });

  let named = false;
  const name = () => {
    const open = document.querySelector("#conversations label.selected input")?.value;
    const address = new URL(window.location.href);
    if (open) address.searchParams.set("chat", open);
    else if (named) address.searchParams.delete("chat");
    named ||= Boolean(open);
    if (address.href !== window.location.href) window.history.replaceState(null, "", address);
  };

  new MutationObserver((_, once) => {
    const list = document.querySelector("#conversations");
    if (!bar() || !list) return;
    once.disconnect();
    close();
    name();
    new MutationObserver(name).observe(list, { attributes: true, childList: true, subtree: true });
  }).observe(document.documentElement, { childList: true, subtree: true });

  // A conversation whose last opening never ended, since the tab crashed or froze over it, is not opened by itself again.
  const LAST = "last"; // what the browser opens without an address
  const mark = (id) => `glimpse-opening:${id}`;
  let marked = [];
  const opened = () => {
    for (const id of marked) window.localStorage.removeItem(mark(id));
    marked = [];
  };
  const begin = (id) => {
    marked = [id, LAST];
    for (const each of marked) window.localStorage.setItem(mark(each), "");
    window.setTimeout(opened, 5000); // a tab that is busy comes to it once it is done
  };
  const address = new URL(window.location.href);
  const wanting = address.searchParams.get("chat") || LAST;
  if (window.localStorage.getItem(mark(wanting)) !== null) {
    for (const id of [wanting, LAST]) window.localStorage.removeItem(mark(id));
    window.localStorage.removeItem("glimpse");
    address.searchParams.delete("chat");
    window.history.replaceState(null, "", address);
    const note = document.createElement("div");
    note.id = "not-opened";
    note.setAttribute("role", "status");
    note.textContent = "This browser did not get to the end of opening the last conversation, so it is not opened by "
      + "itself. It is in the list; open it there to try again.";
    note.addEventListener("click", () => note.remove());
    const show = () => document.body.append(note);
    if (document.body) show();
    else window.addEventListener("DOMContentLoaded", show);
  } else {
    begin(wanting);
  }
  document.addEventListener("click", (event) => {
    const chosen = event.target.closest("#conversations label")?.querySelector("input")?.value;
    if (chosen) begin(chosen);
    document.querySelector("#not-opened")?.remove();
  }, true);
  window.addEventListener("pagehide", opened);

  document.addEventListener("keydown", (event) => {
    // In another field Escape takes back what is typed there, and in an input method what is being composed.
    const elsewhere = event.target.closest("input, textarea, [contenteditable]") && !event.target.closest("#composer");
    if (event.key !== "Escape" || event.isComposing || event.keyCode === 229 || elsewhere) return;
    if (!document.querySelector("dialog[open]")) document.querySelector("#composer .stop-button")?.click();
  });

  // By POST, so that no picture in an answer and no other site's page can do it.
  document.addEventListener("click", async (event) => {
    if (!event.target.closest("#logout")) return;
    await fetch(`${window.gradio_config.root}/logout`, { method: "POST" });
    window.location.reload();
  });

  // The player of the clip that a time names or its answer shows frames of, else the latest one above it.
  const playerFor = (moment, clip) => {
    const above = [...document.querySelectorAll("#chat .user-row video")].filter(
      (player) => player.compareDocumentPosition(moment) & Node.DOCUMENT_POSITION_FOLLOWING,
    );
    return clip ? above.findLast((player) => player.currentSrc.includes(clip)) : above.at(-1);
  };
  // The frames under the answer that a time stands in, else those under the latest one above it.
  const framesFor = (moment) => {
    const after = (element) => moment.compareDocumentPosition(element) & Node.DOCUMENT_POSITION_FOLLOWING;
    const rows = [...document.querySelectorAll("#chat .user-row, #chat .strip")];
    const next = rows.findIndex((row) => after(row) && row.matches(".user-row"));
    const strip = rows.slice(0, next < 0 ? rows.length : next).findLast((row) => row.matches(".strip"));
    return [...(strip?.querySelectorAll("a.moment") ?? [])];
  };
  const hashOf = (moment) => new URLSearchParams(moment.hash.slice(1));

  document.addEventListener("click", (event) => {
    const moment = event.target.closest("#chat a.moment");
    if (!moment) return;
    event.preventDefault();
    const seconds = Number(hashOf(moment).get("t"));
    const frames = framesFor(moment);
    const clip = hashOf(moment).get("clip") ?? (frames.length ? hashOf(frames[0]).get("clip") : null);
    const player = playerFor(moment, clip);
    if (!player) {
      // The browser cannot play it: to the frame nearest in time.
      const away = (frame) => Math.abs(Number(hashOf(frame).get("t")) - seconds);
      const frame = frames.reduce((best, each) => (best && away(best) <= away(each) ? best : each), null);
      frame?.scrollIntoView({ block: "nearest", inline: "center", behavior: "smooth" });
      frame?.focus({ preventScroll: true });
      return;
    }
    player.currentTime = seconds;
    player.scrollIntoView({ block: "nearest", behavior: "smooth" });
  });

  const bare = (text) =>
    text.replaceAll("\u2060", "").replaceAll(/<a class="moment" href="#t=\d+">([\d:]+)<\/a>/g, "[$1]");
  if (navigator.clipboard) {
    const write = navigator.clipboard.writeText.bind(navigator.clipboard);
    navigator.clipboard.writeText = (text) => write(bare(text));
  }
  document.addEventListener("copy", (event) => {
    const text = String(window.getSelection());
    if (text === bare(text)) return;
    event.clipboardData.setData("text/plain", bare(text));
    event.preventDefault();
  });

  document.addEventListener("click", (event) => {
    if (event.target.closest("#new-chat, #many, #conversations label")) setTimeout(close);
  });
})();

// The panel of results: a field shows its boxes on the image, a box its field, a row of text its box. The markup is
// from ui/figure.py; what belongs together has the same key. The image opens large in a dialog of the browser's own.
(() => {
  const panel = "#result-figure";
  const first = (selector, root = document) => root?.querySelector(selector);
  const all = (selector, root = document) => [...(root?.querySelectorAll(selector) ?? [])];
  const links = () => JSON.parse(first(`${panel} .evidence`)?.dataset.links ?? "{}");
  const pick = (list, key) => list.filter((element) => element.dataset.key === key);
  const boxes = (key) => pick(all(`${panel} .box`), key);
  let chosen = null;

  // --- what is said, and what is in sight ---

  const say = (text) => {
    for (const line of all(`${panel} .said, #large .said`)) if (line.textContent !== text) line.textContent = text;
  };

  const words = (key) => {
    const found = boxes(key);
    const label = found[0]?.getAttribute("aria-label") ?? links().nowhere?.[key] ?? "";
    return found.length > 1 && !key.includes("/") ? `${label} (in ${found.length} places)` : label;
  };

  const showImage = (number) => {
    for (const part of all(`${panel} figure, #result-text [data-image]`)) part.hidden = part.dataset.image !== number;
    for (const tab of all(`${panel} .picture`)) tab.setAttribute("aria-pressed", String(tab.dataset.image === number));
  };

  const centre = (box) => {
    const stage = box.closest(".stage");
    if (!stage) return;
    const inside = box.getBoundingClientRect();
    const around = stage.getBoundingClientRect();
    const behavior = window.matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth";
    stage.scrollBy({ top: inside.top + inside.height / 2 - around.top - around.height / 2, behavior });
  };

  const mark = () => {
    for (const box of all(`${panel} .box, #large .box`)) box.classList.toggle("chosen", box.dataset.key === chosen);
    for (const row of all("#result-text .row")) {
      row.setAttribute("aria-selected", String(row.dataset.key === chosen));
    }
  };

  const choose = (key) => {
    chosen = key;
    mark();
    say(words(key));
    const found = boxes(key);
    const shown = found.find((box) => !box.closest("figure").hidden) ?? found[0];
    if (!shown) return;
    showImage(shown.closest("figure").dataset.image);
    centre(shown);
  };

  // A new figure begins where its first box is, once it has a height: that box may be below the part in sight.
  const begin = () => {
    const box = first(`${panel} figure:not([hidden]) .box`);
    if (!box) return;
    new ResizeObserver((_, once) => {
      const { bottom, height } = box.getBoundingClientRect();
      if (!height) return;
      once.disconnect();
      if (!chosen && bottom > box.closest(".stage").getBoundingClientRect().bottom) centre(box);
    }).observe(box.closest(".canvas"));
  };

  // A correction draws the figure anew.
  const follow = (root) =>
    new MutationObserver((changes) => {
      if (changes.every((change) => change.target.matches(".said"))) return;
      if (chosen && (boxes(chosen).length || links().nowhere?.[chosen])) {
        mark();
        say(words(chosen));
      } else {
        if (chosen && !all("#result-text .row").some((row) => row.dataset.key === chosen)) chosen = null;
        begin();
      }
    }).observe(root, { childList: true, subtree: true });
  new MutationObserver((_, once) => {
    const root = first(panel);
    if (!root) return;
    once.disconnect();
    follow(root);
  }).observe(document.documentElement, { childList: true, subtree: true });

  // --- fields of the tables ---

  const keyOf = (cell) => {
    const table = cell.closest("#result-fields, #result-items");
    if (table?.id === "result-items") return links().items?.[cell.dataset.row]?.[cell.dataset.col];
    return first(`.body-cell[data-row="${cell.dataset.row}"][data-col="0"]`, table)?.textContent.trim();
  };

  const placeOf = (key) => {
    const { fields = [], items = [] } = links();
    if (fields.includes(key)) return ["#result-fields", fields.indexOf(key), 1];
    const row = items.findIndex((cells) => cells.includes(key));
    return row < 0 ? null : ["#result-items", row, items[row].indexOf(key)];
  };

  // Into the middle of its list, or of what the image leaves free.
  const intoSight = (element) => {
    const room = element.closest(".rows, .sidebar-content");
    if (!room) return;
    const above = room.matches(".rows") ? room.getBoundingClientRect().top : first(panel).getBoundingClientRect().bottom;
    const [low, high] = [above, room.getBoundingClientRect().bottom];
    const { top, bottom } = element.getBoundingClientRect();
    if (top < low || bottom > high) room.scrollBy({ top: (top + bottom - low - high) / 2 });
  };

  const press = (cell) => {
    for (const name of ["mousedown", "mouseup"]) cell.dispatchEvent(new MouseEvent(name, { bubbles: true }));
    cell.focus({ preventScroll: true });
    intoSight(cell);
  };

  // Gradio draws only the rows of a long table that are in sight, and lets go of a cell with the click elsewhere.
  const reveal = (key, tries = 3) => {
    const row = pick(all("#result-text .row"), key)[0];
    if (row) {
      row.focus({ preventScroll: true });
      intoSight(row);
      return;
    }
    const [table, at, column] = placeOf(key) ?? [];
    if (!table) return;
    const cell = first(`${table} .body-cell[data-row="${at}"][data-col="${column}"]`);
    if (cell) setTimeout(() => press(cell));
    else if (tries && first(`${table} .virtual-table-viewport`)) {
      const view = first(`${table} .virtual-table-viewport`);
      view.scrollTop = (view.scrollHeight * at) / Math.max(1, links()[table.slice(8)].length);
      requestAnimationFrame(() => requestAnimationFrame(() => reveal(key, tries - 1)));
    }
  };

  document.addEventListener("focusin", (event) => {
    const cell = event.target.closest("#result-fields .body-cell, #result-items .body-cell");
    const key = cell && keyOf(cell);
    if (key && key !== chosen) choose(key);
    const box = event.target.closest(`${panel} .box, #large .box`);
    if (!box) return;
    for (const other of all(".box", box.ownerSVGElement)) other.setAttribute("tabindex", other === box ? "0" : "-1");
    say(words(box.dataset.key));
    if (box.closest("#large")) view.bring(box);
    else centre(box);
  });

  // --- boxes, rows of text, images ---

  // Where boxes lie upon each other, a second click is for the one beneath.
  const under = (event) => {
    const here = document.elementsFromPoint(event.clientX, event.clientY).map((element) => element.closest(".box"));
    const found = [...new Set(here.filter(Boolean))];
    const at = found.findIndex((box) => box.dataset.key === chosen);
    return found[(at + 1) % found.length] ?? event.target.closest(".box");
  };

  const enter = (box) => {
    choose(box.dataset.key);
    if (!box.closest("#large")) reveal(box.dataset.key);
  };

  document.addEventListener("click", (event) => {
    const target = event.target;
    if (target.closest(`${panel} .box, #large .box`) && !view.moved) enter(under(event));
    else if (target.closest(`${panel} .stage img, ${panel} .enlarge`)) view.open();
    else if (target.closest("#result-text .row")) choose(target.closest(".row").dataset.key);
    else if (target.closest("#result-text .copy")) copy(target.closest(".copy"));
    const tab = target.closest(`${panel} .picture`);
    if (tab) showImage(tab.dataset.image);
  });

  const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1, Home: -Infinity, End: Infinity };
  document.addEventListener("keydown", (event) => {
    const here = event.target.closest?.(`${panel} .box, #large .box, #result-text .row`);
    if (!here) return;
    const row = here.classList.contains("row");
    if (event.key === "Enter" || event.key === " ") row ? choose(here.dataset.key) : enter(here);
    else if (event.key in steps && !event.ctrlKey && !event.metaKey && !event.altKey) {
      const others = row ? all(".row", here.parentElement) : all(".box", here.ownerSVGElement);
      const next = others[Math.min(Math.max(others.indexOf(here) + steps[event.key], 0), others.length - 1)];
      if (row) for (const other of others) other.setAttribute("tabindex", other === next ? "0" : "-1");
      next.focus({ preventScroll: true });
      if (row) {
        choose(next.dataset.key);
        intoSight(next);
      }
    } else return;
    event.preventDefault();
    event.stopPropagation();
  });

  // --- the text that was read: search and copy ---

  document.addEventListener("input", (event) => {
    if (!event.target.matches("#result-text .find")) return;
    const plain = (text) => text.normalize("NFKD").replaceAll(/\p{M}|\s+/gu, "").toLowerCase();
    const wanted = plain(event.target.value);
    const hits = all("#result-text .row").filter((row) => wanted && plain(row.textContent).includes(wanted));
    const keys = new Set(hits.map((row) => row.dataset.key));
    for (const part of all(`#result-text .row, ${panel} .box, #large .box`)) {
      part.classList.toggle("hit", keys.has(part.dataset.key));
    }
    const count = hits.length === 1 ? "1 line" : `${hits.length || "no"} lines`;
    first("#result-text .hits").textContent = wanted ? count : "";
    const shown = hits.find((row) => !row.parentElement.hidden) ?? hits[0];
    if (!shown) return;
    showImage(shown.parentElement.dataset.image);
    intoSight(shown);
    centre(boxes(shown.dataset.key)[0] ?? document.body);
  });

  const copy = async (button) => {
    const shown = all("#result-text .rows").find((rows) => !rows.hidden);
    const text = all(".row", shown).map((row) => row.textContent).join("\n");
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      if (shown) window.getSelection().selectAllChildren(shown); // pages without https may not write by themselves
      button.textContent = "Press Ctrl+C";
    }
    setTimeout(() => (button.textContent = "Copy"), 2000);
  };

  // --- the image, large: fitted, zoomed by wheel, keys, buttons or two fingers, moved by dragging ---

  const view = {
    moved: false,
    fingers: new Map(),

    build() {
      const dialog = document.createElement("dialog");
      dialog.id = "large";
      dialog.setAttribute("aria-label", "The image, large");
      dialog.innerHTML =
        '<div class="room"></div><div class="bar"><p class="said" aria-live="polite"></p>' +
        '<button type="button" data-do="fit">Fit</button><button type="button" data-do="out" aria-label="Smaller">−</button>' +
        '<button type="button" data-do="in" aria-label="Larger">+</button>' +
        '<button type="button" data-do="close">Close</button></div>';
      first("#results").parentElement.append(dialog);
      const room = first(".room", dialog);
      room.addEventListener("wheel", (event) => {
        event.preventDefault();
        this.zoom(Math.exp(-event.deltaY / 400), event.clientX, event.clientY);
      }, { passive: false });
      for (const name of ["down", "move", "up", "cancel"]) {
        room.addEventListener(`pointer${name}`, (event) => this[name](event));
      }
      dialog.addEventListener("click", (event) => {
        const act = event.target.closest("[data-do]")?.dataset.do;
        if (act) this[act]();
      });
      dialog.addEventListener("keydown", (event) => {
        const act = { "+": "in", "=": "in", "-": "out", 0: "fit" }[event.key];
        if (act) this[act]();
      });
      dialog.addEventListener("close", () => {
        dialog.remove();
        if (chosen) reveal(chosen);
        else first(`${panel} .enlarge`)?.focus();
      });
      return dialog;
    },

    open() {
      const shown = all(`${panel} figure`).find((figure) => !figure.hidden);
      if (!shown || first("#large")) return;
      this.dialog = this.build();
      this.room = first(".room", this.dialog);
      this.canvas = first(".canvas", shown).cloneNode(true);
      this.room.append(this.canvas);
      const picture = first("img", shown);
      this.size = [picture.naturalWidth || 1, picture.naturalHeight || 1];
      this.dialog.showModal();
      this.fit();
      mark();
      if (chosen) say(words(chosen));
    },

    close() {
      this.dialog.close();
    },

    fit() {
      const { width, height } = this.room.getBoundingClientRect();
      this.least = this.scale = Math.min(width / this.size[0], height / this.size[1]);
      this.x = (width - this.size[0] * this.scale) / 2;
      this.y = (height - this.size[1] * this.scale) / 2;
      this.place();
    },

    in() { this.step(1.4); },
    out() { this.step(1 / 1.4); },

    step(factor) {
      const room = this.room.getBoundingClientRect();
      this.zoom(factor, room.left + room.width / 2, room.top + room.height / 2);
    },

    zoom(factor, clientX, clientY) {
      const room = this.room.getBoundingClientRect();
      const scale = Math.min(Math.max(this.scale * factor, this.least), Math.max(this.least * 4, 8));
      const [x, y] = [clientX - room.left, clientY - room.top];
      this.x = x - ((x - this.x) * scale) / this.scale;
      this.y = y - ((y - this.y) * scale) / this.scale;
      this.scale = scale;
      this.place();
    },

    // Some of the image stays in sight.
    place() {
      const { width, height } = this.room.getBoundingClientRect();
      const held = (at, size, room) => Math.min(Math.max(at, Math.min(60 - size, room - size)), Math.max(room - 60, 0));
      this.x = held(this.x, this.size[0] * this.scale, width);
      this.y = held(this.y, this.size[1] * this.scale, height);
      this.canvas.style.width = `${this.size[0] * this.scale}px`;
      this.canvas.style.left = `${this.x}px`;
      this.canvas.style.top = `${this.y}px`;
    },

    bring(box) {
      const inside = box.getBoundingClientRect();
      const room = this.room.getBoundingClientRect();
      if (inside.left < room.left || inside.right > room.right) {
        this.x += room.left + room.width / 2 - inside.left - inside.width / 2;
      }
      if (inside.top < room.top || inside.bottom > room.bottom) {
        this.y += room.top + room.height / 2 - inside.top - inside.height / 2;
      }
      this.place();
    },

    down(event) {
      this.moved = false;
      this.from = [event.clientX, event.clientY];
      this.fingers.set(event.pointerId, [event.clientX, event.clientY]);
    },

    move(event) {
      const before = this.fingers.get(event.pointerId);
      if (!before) return;
      const now = [event.clientX, event.clientY];
      if (Math.hypot(now[0] - this.from[0], now[1] - this.from[1]) > 5 && !this.moved) {
        this.moved = true;
        this.room.setPointerCapture(event.pointerId);
      }
      const other = [...this.fingers].find(([id]) => id !== event.pointerId)?.[1];
      this.fingers.set(event.pointerId, now);
      if (!this.moved) return;
      const apart = (one) => Math.max(1, Math.hypot(one[0] - other[0], one[1] - other[1]));
      if (other) this.zoom(apart(now) / apart(before), (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
      this.x += (now[0] - before[0]) / this.fingers.size;
      this.y += (now[1] - before[1]) / this.fingers.size;
      this.place();
    },

    up(event) {
      this.fingers.delete(event.pointerId);
      setTimeout(() => (this.moved = false)); // after the click that a drag ends with
    },

    cancel(event) {
      this.up(event);
    },
  };
  window.addEventListener("resize", () => first("#large") && view.fit());
})();
