import { describe, expect, it } from 'vitest';
import { isFluxError } from '../errors.ts';
import { readClassifierConfig } from './classifier-config.ts';

const CONFIG = { architectures: ['ResNetForImageClassification'], id2label: { 0: 'cat', 1: 'duck' } };
const PREPROCESSOR = { image_processor_type: 'ViTImageProcessor' };

type Config = Record<string, unknown>;

describe('readClassifierConfig', () => {
  it('gives the labels in the order of the logits, however the file lists them', () => {
    const config = { ...CONFIG, id2label: { 1: 'duck', 0: 'cat' } };
    expect(readClassifierConfig(config, PREPROCESSOR, ['duck'])).toEqual({ labels: ['cat', 'duck'] });
  });

  it('takes the names that older and newer versions of transformers give the same preparation', () => {
    for (const preprocessor of [
      { image_processor_type: 'ViTImageProcessorFast' },
      { feature_extractor_type: 'ViTFeatureExtractor' },
    ]) {
      expect(readClassifierConfig(CONFIG, preprocessor, []).labels).toHaveLength(2);
    }
  });

  it.each<[string, Config, Config, string]>([
    ['no architecture', { architectures: undefined }, {}, 'architectures'],
    ['a detector', { architectures: ['DetrForObjectDetection'] }, {}, 'architectures'],
    ['labels that do not exclude each other', { problem_type: 'multi_label_classification' }, {}, 'problem_type'],
    ['no labels', { id2label: {} }, {}, 'id2label'],
    ['labels with a gap', { id2label: { 0: 'cat', 2: 'duck' } }, {}, 'id2label'],
    ['labels that are numbers', { id2label: { 0: 1, 1: 2 } }, {}, 'id2label'],
    ['two labels of one name', { id2label: { 0: 'duck', 1: 'duck' } }, {}, 'id2label'],
    ['labels without what is to be flagged', { id2label: { 0: 'cat', 1: 'dog' } }, {}, 'id2label'],
    [
      'a preparation that crops by a rule of its own',
      {},
      { image_processor_type: 'ConvNextImageProcessor' },
      'image_processor_type',
    ],
    ['a preparation that fills up to a size', {}, { do_pad: true, pad_size: { width: 1e9, height: 1e9 } }, 'do_pad'],
    ['a preparation that swaps colours', {}, { do_flip_channel_order: true }, 'do_flip_channel_order'],
    ['no preparation', {}, { image_processor_type: undefined }, 'image_processor_type'],
  ])('refuses %s', (_, config, preprocessor, field) => {
    const refused = (() => {
      try {
        return readClassifierConfig({ ...CONFIG, ...config }, { ...PREPROCESSOR, ...preprocessor }, ['duck']);
      } catch (error) {
        return error;
      }
    })();
    expect(isFluxError(refused, 'format/config-unsupported') && refused.details.field).toBe(field);
  });
});
