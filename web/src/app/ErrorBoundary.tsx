/** Keeps a fault of the page from leaving a blank window. */
import { Component, type ReactNode } from "react";
import { t } from "../i18n/i18n.ts";
import { Failure } from "../ui/Note.tsx";

export class ErrorBoundary extends Component<{ children: ReactNode }, { fault: unknown }> {
  override state = { fault: undefined };

  static getDerivedStateFromError(fault: unknown) {
    return { fault };
  }

  override render() {
    if (this.state.fault === undefined) return this.props.children;
    return (
      <main className="page">
        <h1>{t("error.pageTitle")}</h1>
        <Failure error={this.state.fault} onRetry={() => location.reload()} />
      </main>
    );
  }
}
