import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';

/** Generated: exports more than is needed. */
const GENERATED = /\/onnx_pb\.ts$/;

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** A name that one module takes from another. `*`: all of them, under the name `as`. */
interface Import {
  from: string;
  name: string;
  as: string;
}

interface Module {
  text: string;
  imports: Import[];
  /** Names that the module exports; of types only those that it does not use itself. */
  declares: string[];
  /** What it passes on, by the name that importers see. `*`: everything, under its own names. */
  passesOn: Import[];
}

/** The library, the page and the tools without their tests, by path from the root. */
async function readModules(): Promise<Map<string, Module>> {
  const args = [
    'ls-files',
    '-co',
    '--exclude-standard',
    'packages/*/src/*.ts',
    'demo/*.ts',
    'scripts/*.ts',
    'bench/*.ts',
  ];
  const { stdout } = await promisify(execFile)('git', args, { cwd: ROOT, maxBuffer: 2 ** 24 });
  const paths = stdout
    .split('\n')
    .filter((path) => path !== '' && !/\.test\.ts$|\/test-support\//.test(path) && !GENERATED.test(path));
  const entries = await packageEntries();
  return new Map(paths.map((path) => [path, readModule(path, entries)]));
}

/** `@flux-srpo/core` → `packages/core/src/index.ts` */
async function packageEntries(): Promise<Map<string, string>> {
  const { stdout } = await promisify(execFile)('git', ['ls-files', 'packages/*/package.json'], { cwd: ROOT });
  return new Map(
    stdout
      .split('\n')
      .filter(Boolean)
      .flatMap((file) => {
        const { name, exports = {} } = JSON.parse(readFileSync(join(ROOT, file), 'utf8'));
        return Object.entries(exports as Record<string, string>).map(
          ([entry, target]) => [join(name, entry), join(dirname(file), target)] as const,
        );
      }),
  );
}

function readModule(path: string, entries: ReadonlyMap<string, string>): Module {
  const text = readFileSync(join(ROOT, path), 'utf8');
  const module: Module = { text, imports: [], declares: [], passesOn: [] };
  const resolve = (specifier: ts.Node) => {
    const target = (specifier as ts.StringLiteral).text;
    return target.startsWith('.') ? normalize(join(dirname(path), target)) : entries.get(target);
  };
  const add = (list: Import[], specifier: ts.Node, name: string, as: string) => {
    const from = resolve(specifier);
    if (from !== undefined) list.push({ from, name, as });
  };
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) {
      const bindings = node.importClause?.namedBindings;
      if (bindings === undefined) add(module.imports, node.moduleSpecifier, '', '');
      else if (ts.isNamespaceImport(bindings)) add(module.imports, node.moduleSpecifier, '*', bindings.name.text);
      else {
        for (const { name, propertyName } of bindings.elements)
          add(module.imports, node.moduleSpecifier, (propertyName ?? name).text, name.text);
      }
    } else if (ts.isExportDeclaration(node) && node.moduleSpecifier !== undefined) {
      const { exportClause: clause, moduleSpecifier } = node;
      if (clause === undefined) add(module.passesOn, moduleSpecifier, '*', '');
      else if (ts.isNamespaceExport(clause)) add(module.passesOn, moduleSpecifier, '*', clause.name.text);
      else {
        for (const { name, propertyName } of clause.elements)
          add(module.passesOn, moduleSpecifier, (propertyName ?? name).text, name.text);
      }
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      // What is put together when it runs is no module of this repository.
      if (ts.isStringLiteral(node.arguments[0]!)) add(module.imports, node.arguments[0], '*', '');
    } else if (ts.isImportTypeNode(node) && node.qualifier !== undefined) {
      add(module.imports, (node.argument as ts.LiteralTypeNode).literal, node.qualifier.getText(), '');
    } else if (ts.canHaveModifiers(node) && node.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword)) {
      const names = ts.isVariableStatement(node) ? node.declarationList.declarations : [node as ts.FunctionDeclaration];
      const isType = ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node);
      for (const { name } of names) {
        if (name !== undefined && !(isType && isUsed(text, name.getText()))) module.declares.push(name.getText());
      }
    }
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true));
  return module;
}

/** Whether a type is what something else of its module takes or gives. */
function isUsed(text: string, type: string): boolean {
  return [...text.matchAll(new RegExp(`\\b${type}\\b`, 'g'))].length > 1;
}

/** Groups of modules that import each other, by value or for a type. (Tarjan) */
function circles(modules: ReadonlyMap<string, Module>): string[][] {
  const found: string[][] = [];
  const order = new Map<string, number>();
  const open: string[] = [];
  const reach = (path: string): number => {
    const known = order.get(path);
    if (known !== undefined) return open.includes(path) ? known : Number.POSITIVE_INFINITY;
    const own = order.size;
    order.set(path, own);
    open.push(path);
    const { imports, passesOn } = modules.get(path)!;
    const targets = [...imports, ...passesOn].map(({ from }) => from).filter((from) => modules.has(from));
    const lowest = Math.min(own, ...targets.map(reach));
    if (lowest === own) {
      const group = open.splice(open.indexOf(path));
      if (group.length > 1) found.push(group);
    }
    return lowest;
  };
  for (const path of modules.keys()) reach(path);
  return found;
}

/** Exports that no other module takes, as `path name`. */
function unused(modules: ReadonlyMap<string, Module>, isEntry: (path: string) => boolean): string[] {
  const used = new Set<string>();
  /** Marks `name` of a module where it is declared. `users`: text with the uses of a namespace. */
  const use = (path: string, name: string, users: string): void => {
    const module = modules.get(path);
    if (module === undefined || used.has(`${path} ${name} ${users}`)) return;
    if (users === '') used.add(`${path} ${name} `);
    if (module.declares.includes(name)) used.add(`${path} ${name}`);
    for (const each of module.passesOn) {
      if (each.name === '*' && each.as === '') use(each.from, name, users);
      else if (each.name === '*' && each.as === name) useMembers(each, users);
      else if (each.as === name) use(each.from, each.name, users);
    }
  };
  const useMembers = ({ from, as }: Import, text: string): void => {
    const pattern = as === '' ? /\b(\w+)\b/g : new RegExp(`\\b${as}\\.(\\w+)`, 'g');
    for (const [, member] of text.matchAll(pattern)) use(from, member!, '');
  };
  for (const [path, { text, imports, declares, passesOn }] of modules) {
    for (const each of imports) {
      if (each.name === '*') useMembers(each, text);
      else use(each.from, each.name, text);
    }
    if (!isEntry(path)) continue;
    for (const name of [...declares, ...passesOn.map(({ as }) => as)]) use(path, name, '');
    for (const each of passesOn)
      if (each.as === '') for (const name of namesOf(modules, each.from)) use(path, name, '');
  }
  return [...modules].flatMap(([path, { declares }]) =>
    declares.map((name) => `${path} ${name}`).filter((each) => !used.has(each)),
  );
}

function namesOf(modules: ReadonlyMap<string, Module>, path: string): string[] {
  const { declares = [], passesOn = [] } = modules.get(path) ?? {};
  return [...declares, ...passesOn.flatMap(({ from, as }) => (as === '' ? namesOf(modules, from) : [as]))];
}

describe('the modules of the library', async () => {
  const modules = await readModules();

  it('are found', () => {
    expect(modules.size).toBeGreaterThan(400);
  });

  it('never import each other in a circle, not even for types', () => {
    expect(circles(modules)).toEqual([]);
  });

  it('export nothing that only tests take, or nobody', () => {
    // What the package offers to everyone; the root commands and measurements only take.
    const isEntry = (path: string) => /^(packages\/images\/src\/(.*\/)?index\.ts$|scripts\/|bench\/)/.test(path);
    expect(unused(modules, isEntry)).toEqual([]);
  });
});
