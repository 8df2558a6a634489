import type { Page } from 'playwright';

/**
 * What is wrong with the page's controls as they are now: text that is cut off, controls that cover
 * each other or reach out of the window. Each is named by its text.
 *
 * @param areChoicesWhole whether the chosen option of a list must be seen to its end. A list breaks
 *   no lines, so that a large text on a narrow screen ends in an ellipsis until the list is opened.
 */
export function layoutFaults(page: Page, areChoicesWhole = true): Promise<string[]> {
  return page.evaluate((areWhole) => {
    const faults: string[] = [];
    const name = (element: Element) =>
      `${element.tagName.toLowerCase()}#${element.id} “${(element.textContent || element.getAttribute('aria-label') || '').trim().slice(0, 40)}”`;
    /** The part of a control that can be seen: what its scrolling ancestors show of it. */
    const shown = (element: Element): DOMRect => {
      let { left, top, right, bottom } = element.getBoundingClientRect();
      for (let at = element.parentElement; at !== null && at !== document.body; at = at.parentElement) {
        if (getComputedStyle(at).overflow === 'visible') continue;
        const box = at.getBoundingClientRect();
        left = Math.max(left, box.left);
        top = Math.max(top, box.top);
        right = Math.min(right, box.right);
        bottom = Math.min(bottom, box.bottom);
      }
      return new DOMRect(left, top, right - left, bottom - top);
    };
    const text = document.createElement('canvas').getContext('2d')!;
    /** Pixels that the chosen option has and needs. */
    const cutOption = (select: HTMLSelectElement): boolean => {
      const style = getComputedStyle(select);
      text.font = style.font;
      // Chromium's arrow takes 20 pixels at most.
      const room = select.clientWidth - Number.parseFloat(style.paddingLeft) - Number.parseFloat(style.paddingRight);
      return text.measureText(select.selectedOptions[0]?.text ?? '').width > room - 16;
    };
    const controls = [...document.querySelectorAll('button, input, select, textarea, a[href], summary, label.button')]
      .filter((each) => each.checkVisibility() && !each.classList.contains('unseen'))
      .map((element) => ({ element, box: shown(element) }))
      .filter(({ box }) => box.width > 1 && box.height > 1);
    for (const { element, box } of controls) {
      if (box.left < -0.5 || box.right > innerWidth + 0.5) faults.push(`${name(element)} reaches out of the window`);
      const isTyped = element instanceof HTMLInputElement || element instanceof HTMLTextAreaElement;
      const isCut =
        element instanceof HTMLSelectElement
          ? areWhole && cutOption(element)
          : !isTyped &&
            (element.scrollWidth > element.clientWidth + 1 || element.scrollHeight > element.clientHeight + 1);
      if (isCut && getComputedStyle(element).display !== 'inline') faults.push(`${name(element)} is cut`);
    }
    for (const [i, a] of controls.entries()) {
      for (const b of controls.slice(i + 1)) {
        if (a.element.contains(b.element) || b.element.contains(a.element)) continue;
        const width = Math.min(a.box.right, b.box.right) - Math.max(a.box.left, b.box.left);
        const height = Math.min(a.box.bottom, b.box.bottom) - Math.max(a.box.top, b.box.top);
        if (width > 1 && height > 1) faults.push(`${name(a.element)} covers ${name(b.element)}`);
      }
    }
    const wide = document.documentElement.scrollWidth - innerWidth;
    if (wide > 0) {
      const widest = [...document.querySelectorAll('body *')]
        .filter((each) => shown(each).right > innerWidth + 0.5)
        .at(-1);
      faults.push(`the page is ${wide} pixels too wide: ${widest === undefined ? '' : name(widest)}`);
    }
    return faults;
  }, areChoicesWhole);
}
