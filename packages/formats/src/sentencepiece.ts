import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { FormatError } from '@flux-srpo/core';

/** A sentencepiece model: what a tokenizer needs of it. */
export interface SentencePieces {
  /** Each piece with its log probability. Its place is its id. */
  readonly pieces: readonly (readonly [text: string, score: number])[];
  readonly unknownId: number;
  readonly isUnigram: boolean;
  readonly hasByteFallback: boolean;
  /** How texts are normalized. Empty where they are not. */
  readonly charsmap: Uint8Array;
}

/** T5's model has 32,000 pieces, the largest multilingual ones 256,000. */
const MAX_PIECES = 1024 * 1024;

/** Numbers of fields. */
const MODEL = { pieces: 1, trainer: 2, normalizer: 3 };
const PIECE = { text: 1, score: 2 };
const TRAINER = { modelType: 3, byteFallback: 35, unknownId: 40 };
const NORMALIZER = { charsmap: 2 };
const UNIGRAM = 1;

/**
 * Reads `spiece.model`. Fields that are not needed are passed over.
 * @param name of the file, for messages
 * @see https://github.com/google/sentencepiece/blob/v0.2.0/src/sentencepiece_model.proto
 */
export function parseSentencePieces(bytes: Uint8Array, name: string): SentencePieces {
  try {
    return readModel(new BinaryReader(bytes));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new FormatError(`${name} must be a sentencepiece model, got other bytes (${reason})`, {
      code: 'format/header-invalid',
      details: { name },
      cause,
    });
  }
}

function readModel(reader: BinaryReader): SentencePieces {
  const pieces: [string, number][] = [];
  let [unknownId, modelType, hasByteFallback, charsmap] = [0, UNIGRAM, false, new Uint8Array(0)];
  let isTrained = false;
  visit(reader, {
    [MODEL.pieces]: () => {
      if (pieces.length === MAX_PIECES) throw new Error(`more than ${MAX_PIECES} pieces`);
      const piece: [string, number] = ['', 0];
      visit(new BinaryReader(reader.bytes()), {
        [PIECE.text]: (inner) => (piece[0] = inner.string()),
        [PIECE.score]: (inner) => (piece[1] = inner.float()),
      });
      pieces.push(piece);
    },
    [MODEL.trainer]: () => {
      isTrained = true;
      visit(new BinaryReader(reader.bytes()), {
        [TRAINER.modelType]: (inner) => (modelType = inner.int32()),
        [TRAINER.byteFallback]: (inner) => (hasByteFallback = inner.bool()),
        [TRAINER.unknownId]: (inner) => (unknownId = inner.int32()),
      });
    },
    [MODEL.normalizer]: () =>
      visit(new BinaryReader(reader.bytes()), {
        [NORMALIZER.charsmap]: (inner) => (charsmap = inner.bytes().slice()),
      }),
  });
  if (pieces.length === 0) throw new Error('no pieces');
  // It comes after the pieces, where a file that is cut short ends.
  if (!isTrained) throw new Error('nothing of its training, so it is cut short');
  return { pieces, unknownId, isUnigram: modelType === UNIGRAM, hasByteFallback, charsmap };
}

/** Calls back for each known field of a message, and passes over the others. */
function visit(reader: BinaryReader, fields: Readonly<Record<number, (reader: BinaryReader) => unknown>>): void {
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (wireType === WireType.StartGroup || wireType === WireType.EndGroup) throw new Error('a group');
    const read = fields[field];
    if (read === undefined) reader.skip(wireType);
    else read(reader);
  }
  if (reader.pos > reader.len) throw new Error('cut short');
}
