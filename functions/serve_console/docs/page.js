// Shows the OpenAPI document beside this file. A token typed here stays in this tab.
window.SwaggerUIBundle({
  url: new URL("openapi.json", document.currentScript?.src ?? new URL("docs/", location.href)).href,
  dom_id: "#apis",
  deepLinking: true,
  docExpansion: "none",
  defaultModelsExpandDepth: 0,
  tagsSorter: "alpha",
  validatorUrl: null,
});
