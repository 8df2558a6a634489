import { isFluxError, parseSize } from '@flux-srpo/core';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import document from '../openapi.json' with { type: 'json' };

type SchemaName = keyof typeof document.components.schemas;

const ajv = new Ajv2020({ strict: true, strictRequired: false, allowUnionTypes: true, allErrors: true });
// OpenAPI's own keywords, which a JSON Schema validator does not know.
ajv.addVocabulary(['openapi', 'info', 'paths', 'components']);
ajv.addFormat('image-size', {
  type: 'string',
  validate: (text) => {
    try {
      parseSize(text);
      return true;
    } catch (error) {
      if (isFluxError(error)) return false;
      throw error;
    }
  },
});
ajv.addSchema(document, 'openapi.json');

function validator(name: SchemaName): ValidateFunction {
  return ajv.getSchema(`openapi.json#/components/schemas/${name}`) as ValidateFunction;
}

/** The errors that the endpoint's OpenAPI document finds in a value; empty for none. */
export function schemaErrors(name: SchemaName, value: unknown): string[] {
  const validate = validator(name);
  validate(value);
  return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath || '/'} ${message}`);
}
