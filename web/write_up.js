// Writing up: the form is sent once; a second click would do nothing, but would look as if it did.

const buttons = document.querySelectorAll(".write-form button");

document.querySelector(".write-form")?.addEventListener("submit", () => {
  setTimeout(() => {
    for (const button of buttons) button.disabled = true;
  });
});

// Who comes back to the page may send it again: its key makes it act once anyway.
addEventListener("pageshow", () => {
  for (const button of buttons) button.disabled = false;
});
