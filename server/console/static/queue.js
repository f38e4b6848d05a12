// The queue by keys: j and k go down and up, x picks, a picks all. Without scripts it works by hand.
const form = document.getElementById("queue");
if (form) {
  const boxes = [...form.querySelectorAll('input[name="pick"]')];
  const told = document.getElementById("picked");
  const count = () => {
    const picked = boxes.filter((box) => box.checked).length;
    if (told) told.textContent = picked ? `${picked} picked` : "";
  };
  const go = (step) => {
    if (!boxes.length) return;
    const at = boxes.indexOf(document.activeElement);
    const to = at < 0 ? (step > 0 ? 0 : boxes.length - 1) : Math.min(Math.max(at + step, 0), boxes.length - 1);
    boxes[to].focus();
    boxes[to].closest("li").scrollIntoView({ block: "nearest" });
  };
  const keys = {
    j: () => go(1),
    k: () => go(-1),
    x: () => boxes.includes(document.activeElement) && document.activeElement.click(),
    a: () => {
      const all = boxes.every((box) => box.checked);
      for (const box of boxes) box.checked = !all;
      count();
    },
  };
  form.addEventListener("change", count);
  document.addEventListener("keydown", (event) => {
    const writes = event.target.closest('input:not([type="checkbox"]), select, textarea');
    if (writes || event.ctrlKey || event.metaKey || event.altKey || !keys[event.key]) return;
    event.preventDefault();
    keys[event.key]();
  });
  form.addEventListener("submit", (event) => {
    if (boxes.some((box) => box.checked)) return;
    event.preventDefault();
    if (told) told.textContent = "Pick something first";
  });
}
