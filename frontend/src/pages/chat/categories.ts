/** Moderation categories in words, as the server's notices name them. */
const WORDS: Record<string, string> = {
  "harassment/threatening": "threats",
  "hate/threatening": "hateful threats",
  illicit: "wrongdoing",
  "illicit/violent": "violent wrongdoing",
  "self-harm/intent": "self-harm: intent",
  "self-harm/instructions": "self-harm: instructions",
  sexual: "sexual content",
  "sexual/minors": "sexual content about minors",
  "violence/graphic": "graphic violence",
  "prompt-injection": "attempt to override the assistant's instructions",
};

export const categoryWords = (category: string) => WORDS[category] ?? category;

/** Whether a notice is addressed to someone who may be in distress. */
export const isDistress = (categories: string[]) => categories.length > 0 && categories.every((each) => each.startsWith("self-harm"));
