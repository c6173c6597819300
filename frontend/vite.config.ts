import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

const SERVER = "http://127.0.0.1:8000"; // `tutelage serve`, while developing with `npm run dev`

export default defineConfig({
  base: "/",
  plugins: [react(), tailwindcss()],
  build: { outDir: "../server/static", emptyOutDir: true, chunkSizeWarningLimit: 700 },
  server: { proxy: { "/v1": SERVER, "/docs": SERVER, "/openapi.json": SERVER } },
  test: { environment: "node", include: ["src/**/*.test.ts"] },
});
