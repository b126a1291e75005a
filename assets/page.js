// What Gradio's page lacks: on a small screen the side bar opens on demand only; the address names the conversation
// that is open, so that every tab comes back to its own; Escape stops an answer; and what is copied is free of the
// invisible joiners that keep strangers' markup from being obeyed (ui/markdown.py).
(() => {
  const bar = () => document.querySelector("#sidebar");
  const small = () => window.matchMedia("(max-width: 768px)").matches;

  const close = () => {
    if (small() && bar()?.classList.contains("open")) bar().querySelector(".toggle-button").click();
  };

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

  const bare = (text) => text.replaceAll("\u2060", "");
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
