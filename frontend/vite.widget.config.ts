import { defineConfig } from "vite";

/** The widget for other sites: one classic script beside the web UI. */
export default defineConfig({
  publicDir: false,
  build: {
    outDir: "../server/static",
    emptyOutDir: false,
    lib: { entry: "src/widget/widget.ts", name: "tutelage", formats: ["iife"], fileName: () => "widget.js" },
  },
});
