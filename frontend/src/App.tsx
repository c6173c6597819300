/** All pages by their addresses. */
import { QueryClientProvider } from "@tanstack/react-query";
import { Direction, Tooltip } from "radix-ui";
import { lazy, StrictMode, Suspense, type ReactNode } from "react";
import { BrowserRouter, Route, Routes, useLocation } from "react-router";
import { queryClient } from "./api/queries";
import { Connection } from "./components/feedback/Connection";
import { ErrorBoundary } from "./components/feedback/ErrorBoundary";
import { Loading } from "./components/feedback/Loading";
import { Toasts } from "./components/feedback/Toast";
import { direction } from "./locale";
import { ChatPage } from "./pages/chat/ChatPage";
import { NotFoundPage } from "./pages/NotFoundPage";
import { SignInPage } from "./pages/SignInPage";
import { SignUpPage } from "./pages/SignUpPage";

const AccountPage = lazy(() => import("./pages/account/AccountPage"));
const LabelPage = lazy(() => import("./pages/label/LabelPage"));
const SharedPage = lazy(() => import("./pages/SharedPage"));
const OperatorPage = lazy(() => import("./pages/operator/OperatorPage"));

/** A page that fails leaves the others alone. */
function PageBoundary({ children }: { children: ReactNode }) {
  return <ErrorBoundary resetKey={useLocation().pathname}>{children}</ErrorBoundary>;
}

export function App() {
  return (
    <StrictMode>
      <QueryClientProvider client={queryClient}>
        <Direction.Provider dir={direction}>
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
        </Direction.Provider>
      </QueryClientProvider>
    </StrictMode>
  );
}
