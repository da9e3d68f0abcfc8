// A button to copy each snippet; without it, or where the browser forbids it, the text can be marked and copied by hand.

const { copy, copied } = document.querySelector("main").dataset;

for (const field of document.querySelectorAll("textarea")) {
  field.addEventListener("focus", () => field.select());
  if (!navigator.clipboard) continue;
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = copy;
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(field.value);
      button.textContent = copied;
      setTimeout(() => (button.textContent = copy), 2000);
    } catch {
      field.focus();
    }
  });
  field.after(button);
}
