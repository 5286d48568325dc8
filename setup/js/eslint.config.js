// The scripts of one page are one script, so a name of another file is not unknown: tsc checks the names.
import js from "@eslint/js";

export default [
  js.configs.recommended,
  {
    files: ["**/*.js"],
    languageOptions: { sourceType: "script", ecmaVersion: 2024 },
    rules: {
      "no-undef": "off",
      "no-unused-vars": "off",
      "no-control-regex": "off",
      eqeqeq: "error",
      "no-eval": "error",
      "no-implied-eval": "error",
      "no-var": "error",
      "prefer-const": ["error", { destructuring: "all" }],
      "no-restricted-properties": [
        "error",
        ...["innerHTML", "outerHTML", "insertAdjacentHTML", "srcdoc"].map((property) => ({ property, message: "Untrusted text becomes text nodes." })),
        { object: "document", property: "write", message: "Untrusted text becomes text nodes." },
      ],
    },
  },
];
