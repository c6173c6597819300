// Sets the theme before the first paint; src/theme.ts keeps it afterwards.
(function () {
  var stored = null;
  try {
    stored = localStorage.getItem("tutelage.theme");
  } catch (_) {}
  var dark = stored === "dark" || (stored !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.dataset.theme = dark ? "dark" : "light";
})();
