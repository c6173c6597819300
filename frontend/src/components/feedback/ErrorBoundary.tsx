/** Shown in place of a page that failed: what happened, and two ways on. */
import { Component, type ReactNode } from "react";
import { t } from "../../i18n";
import { Button } from "../Button";

interface ErrorBoundaryProps {
  /** When this changes, for example to another address, the page is tried again. */
  resetKey: string;
  children: ReactNode;
}

export class ErrorBoundary extends Component<ErrorBoundaryProps, { error: Error | null }> {
  override state = { error: null as Error | null };

  static getDerivedStateFromError(error: Error) {
    return { error };
  }

  override componentDidUpdate(before: ErrorBoundaryProps) {
    if (this.state.error && before.resetKey !== this.props.resetKey) this.setState({ error: null });
  }

  override render() {
    if (!this.state.error) return this.props.children;
    return (
      <main role="alert" className="mx-auto max-w-lg px-6 py-16 text-center">
        <h1 className="text-xl font-medium">{t("This page failed")}</h1>
        <p className="mt-2 text-muted">{this.state.error.message}</p>
        <p className="mt-6 flex justify-center gap-3">
          <Button kind="primary" onClick={() => location.reload()}>
            {t("Reload")}
          </Button>
          <Button onClick={() => location.assign("/")}>{t("Go to the chat")}</Button>
        </p>
      </main>
    );
  }
}
