// TensorFlow Serving's REST API, and nothing else: the page works with any server that speaks it.

export class Rest {
  /** @param {string} base URL of the server; "" is the one the page is from. */
  constructor(base) {
    this.base = base ? `${base}/` : document.baseURI;
  }

  async #ask(path, options) {
    let response;
    try {
      response = await fetch(new URL(path, this.base), options);
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Error(`No answer from ${new URL(this.base).host}. Is the server running?`);
    }
    const text = await response.text();
    let found;
    try {
      found = JSON.parse(text);
    } catch {
      throw new Error(`${response.status} ${response.statusText}`);
    }
    if (!response.ok) throw new Error(found.error || `${response.status}`);
    return found;
  }

  /** {signature: {inputs, outputs}} of a model. */
  async signatures(name) {
    const found = await this.#ask(`v1/models/${encodeURIComponent(name)}/metadata`);
    return found.metadata.signature_def.signature_def;
  }

  /** The outputs of a signature: {name: nested lists}. */
  async predict(name, signature, inputs, signal) {
    const body = JSON.stringify({ signature_name: signature, inputs });
    const options = { method: "POST", body, signal, headers: { "Content-Type": "application/json" } };
    return (await this.#ask(`v1/models/${encodeURIComponent(name)}:predict`, options)).outputs;
  }
}
