import "./index.css";
import { QueryClientProvider } from "@tanstack/react-query";
import { Tooltip } from "radix-ui";
import { lazy, StrictMode, Suspense, type ReactNode } from "react";
import { createRoot } from "react-dom/client";
import { BrowserRouter, Route, Routes, useLocation } from "react-router";
import { queryClient } from "./api/queries";
import { Connection } from "./components/feedback/Connection";
import { ErrorBoundary } from "./components/feedback/ErrorBoundary";
import { Loading } from "./components/feedback/Loading";
import { Toasts } from "./components/feedback/Toast";
import { ChatPage } from "./pages/chat/ChatPage";
import { NotFoundPage } from "./pages/NotFoundPage";
import { SignInPage } from "./pages/SignInPage";
import { SignUpPage } from "./pages/SignUpPage";
import { survivePageTranslation } from "./translation";
import { followVisibleHeight } from "./viewport";

const AccountPage = lazy(() => import("./pages/account/AccountPage"));
const LabelPage = lazy(() => import("./pages/label/LabelPage"));
const SharedPage = lazy(() => import("./pages/SharedPage"));
const OperatorPage = lazy(() => import("./pages/operator/OperatorPage"));

/** A page that fails leaves the others alone. */
function PageBoundary({ children }: { children: ReactNode }) {
  return <ErrorBoundary resetKey={useLocation().pathname}>{children}</ErrorBoundary>;
}

survivePageTranslation();
followVisibleHeight();

createRoot(document.getElementById("root")!).render(
  <StrictMode>
    <QueryClientProvider client={queryClient}>
      <Tooltip.Provider delayDuration={400}>
        <Toasts>
          <Connection />
          <BrowserRouter>
            <PageBoundary>
              <Suspense fallback={<Loading />}>
                <Routes>
                  <Route path="/" element={<ChatPage />} />
                  <Route path="/c/:id" element={<ChatPage />} />
                  <Route path="/s/:token" element={<SharedPage />} />
                  <Route path="/sign-in" element={<SignInPage />} />
                  <Route path="/sign-up" element={<SignUpPage />} />
                  <Route path="/account/*" element={<AccountPage />} />
                  <Route path="/label/*" element={<LabelPage />} />
                  <Route path="/operator/*" element={<OperatorPage />} />
                  <Route path="*" element={<NotFoundPage />} />
                </Routes>
              </Suspense>
            </PageBoundary>
          </BrowserRouter>
        </Toasts>
      </Tooltip.Provider>
    </QueryClientProvider>
  </StrictMode>,
);
