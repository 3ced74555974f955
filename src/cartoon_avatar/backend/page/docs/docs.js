// Shows /openapi.json, relative so that a proxy may serve it below a path of its own.
SwaggerUIBundle({
  url: new URL("openapi.json", document.baseURI).href,
  dom_id: "#reference",
  deepLinking: true,
  validatorUrl: null,
});
