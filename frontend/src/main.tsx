import "./index.css";
import { createElement } from "react";
import { createRoot } from "react-dom/client";
import { loadTexts } from "./i18n";
import { survivePageTranslation } from "./translation";
import { followVisibleHeight } from "./viewport";

survivePageTranslation();
followVisibleHeight();

void loadTexts()
  .catch(() => undefined) // without its catalogue the page is in English
  .then(() => import("./App"))
  .then(({ App }) => createRoot(document.getElementById("root")!).render(createElement(App)));
