// Builds dashboard/static/dist: a small entry, the charts as a chunk of their own, each also gzip-compressed,
// and a manifest that names the entry. Nothing is fetched; everything comes from the locked node_modules.
import { build } from "esbuild";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

const here = fileURLToPath(new URL(".", import.meta.url));
const out = join(here, "..", "dashboard", "static", "dist");

await rm(out, { recursive: true, force: true });
await mkdir(out, { recursive: true });
const result = await build({
  absWorkingDir: here,
  entryPoints: ["src/app.js"],
  outdir: out,
  bundle: true,
  splitting: true,
  format: "esm",
  target: "es2020",
  minify: true,
  charset: "utf8",
  legalComments: "linked",
  entryNames: "[name]-[hash]",
  chunkNames: "[name]-[hash]",
  metafile: true,
});
const entry = Object.entries(result.metafile.outputs).find(([, output]) => output.entryPoint === "src/app.js")[0];
await writeFile(join(out, "manifest.json"), JSON.stringify({ entry: entry.split("/").pop() }) + "\n");
for (const name of await readdir(out)) {
  if (!name.endsWith(".js")) continue;
  const packed = gzipSync(await readFile(join(out, name)), { level: 9 });
  await writeFile(join(out, `${name}.gz`), packed);
  console.log(`${name}  ${(packed.length / 1024).toFixed(1)} KB compressed`);
}
