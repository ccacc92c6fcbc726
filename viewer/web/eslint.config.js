import js from "@eslint/js";
import i18next from "eslint-plugin-i18next";
import jsxA11y from "eslint-plugin-jsx-a11y";
import reactHooks from "eslint-plugin-react-hooks";
import tseslint from "typescript-eslint";

export default tseslint.config(
  { ignores: ["node_modules", "eslint.config.js"] },
  js.configs.recommended,
  tseslint.configs.strictTypeChecked,
  jsxA11y.flatConfigs.recommended,
  reactHooks.configs.flat.recommended,
  {
    files: ["src/**/*.tsx"],
    plugins: { i18next },
    rules: {
      // Text for people is a key of src/locales, in every language.
      "i18next/no-literal-string": [
        "error",
        {
          mode: "jsx-only",
          "should-validate-template": true,
          "jsx-attributes": { include: ["^aria-(label|description|valuetext|roledescription)$", "^(title|placeholder|label|alt|error|description)$"] },
          callees: { exclude: ["t", "say", "join"] },
          words: { exclude: ["[\\s\\d!-/:-@[-`{-~·×→]*", "Vigie", "(C|M|STAT)"] },
        },
      ],
    },
  },
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      // A patient's name is text: nothing received is ever parsed as HTML.
      "no-restricted-syntax": [
        "error",
        { selector: "JSXAttribute[name.name='dangerouslySetInnerHTML']", message: "Received text is never HTML." },
      ],
      // Its values are read as HTML.
      "no-restricted-imports": [
        "error",
        { paths: [{ name: "react-i18next", importNames: ["Trans"], message: "Received text is never HTML: take t()." }] },
      ],
    },
  },
);
