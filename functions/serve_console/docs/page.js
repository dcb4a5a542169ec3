// Shows the OpenAPI document beside this file. Operations are called where the page is; a token typed here stays in it.

async function show() {
  const here = new URL(".", document.baseURI);
  const description = await (await fetch(new URL("docs/openapi.json", here))).json();
  description.servers = [{ url: here.href.replace(/\/$/, "") }];
  window.SwaggerUIBundle({
    spec: description,
    dom_id: "#apis",
    deepLinking: true,
    docExpansion: "none",
    defaultModelsExpandDepth: 0,
    tagsSorter: "alpha",
    validatorUrl: null,
  });
}

show();
