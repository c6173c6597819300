/** My feedback: a placeholder heading until the list arrives. */
import { Heading } from "../operator/Parts";

export function FeedbackTab() {
  return <Heading title="My feedback" />;
}
