import { expect, it } from 'vitest';
import { npyHeader } from './npy.ts';

// numpy 2.4.6: np.save(buffer, np.zeros(shape, np.float32)), without the data
it.each([
  [[], "{'descr': '<f4', 'fortran_order': False, 'shape': (), }", 128],
  [[3], "{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }", 128],
  [[3, 256], "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 256), }", 128],
])('the header of %o is the one numpy writes', (shape, text, length) => {
  const header = npyHeader(shape);
  expect(header).toHaveLength(length);
  const expected = `\x93NUMPY\x01\x00${String.fromCharCode(length - 10)}\x00${text.padEnd(length - 11)}\n`;
  expect(String.fromCharCode(...header)).toBe(expected);
});
