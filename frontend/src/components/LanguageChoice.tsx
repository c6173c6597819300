/** The choice of the page's language. */
import { t } from "../i18n";
import { chooseLanguage, chosenLanguage, LANGUAGES, type Language } from "../locale";
import { Select } from "./Field";

export function LanguageChoice({ hideLabel }: { hideLabel?: boolean }) {
  const options = Object.entries(LANGUAGES).map(([value, label]) => ({ value, label }));
  return (
    <Select
      label={t("Language")}
      options={[{ value: "", label: t("As in the browser") }, ...options]}
      value={chosenLanguage() ?? ""}
      onChange={(event) => chooseLanguage((event.target.value || null) as Language | null)}
      hideLabel={hideLabel}
    />
  );
}
