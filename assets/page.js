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

  // On a small screen the panel of results covers the answer, so it opens by its own button alone.
  let wanted = false;
  document.addEventListener("click", (event) => {
    if (event.target.closest("#results .toggle-button") && event.isTrusted) wanted = true;
  }, true);
  new MutationObserver(() => {
    const panel = document.querySelector("#results");
    if (!panel?.classList.contains("open")) wanted = false;
    else if (small() && !wanted) panel.querySelector(".toggle-button").click();
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

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") document.querySelector("#composer .stop-button")?.click();
  });

  // The player of the clip that a time names, else the latest one above it.
  const playerFor = (moment, clip) => {
    const above = [...document.querySelectorAll("#chat .user-row video")].filter(
      (player) => player.compareDocumentPosition(moment) & Node.DOCUMENT_POSITION_FOLLOWING,
    );
    return above.findLast((player) => clip && player.currentSrc.includes(clip)) ?? above.at(-1);
  };

  document.addEventListener("click", (event) => {
    const moment = event.target.closest("#chat a.moment");
    if (!moment) return;
    event.preventDefault();
    const target = new URLSearchParams(moment.hash.slice(1));
    const player = playerFor(moment, target.get("clip"));
    if (!player) return;
    player.currentTime = Number(target.get("t"));
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
