// On a phone the menus are wider than the screen: the page that one is on is scrolled into sight.

for (const here of document.querySelectorAll("nav.pages [aria-current], nav.room [aria-current]")) {
  const row = here.parentElement;
  const ahead = here.getBoundingClientRect().left - row.getBoundingClientRect().left;
  row.scrollLeft += ahead - (row.clientWidth - here.offsetWidth) / 2;
}
