/** Names of the stages of a session. */
import { type MessageId, t } from "../../i18n/i18n.ts";

const NAMES: Record<string, MessageId> = {
  intake: "stage.intake",
  customerRequests: "stage.customerRequests",
  inspection: "stage.inspection",
  testDrive: "stage.testDrive",
  initialReport: "stage.initialReport",
  general: "stage.general",
};

export function stageName(stage: string): string {
  const id = NAMES[stage];
  return id ? t(id) : stage;
}
