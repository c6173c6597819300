// llama.cpp through node-llama-cpp: each line of stdin is a round of prompts that arrive at once.
//     node llama.mjs NODE_MODULES MODEL.gguf THREADS
import {createRequire} from "node:module";
import {createInterface} from "node:readline";
import {pathToFileURL} from "node:url";

const [modules, modelPath, threads] = process.argv.slice(2);
const entry = createRequire(`${modules}/`).resolve("node-llama-cpp");
const {getLlama} = await import(pathToFileURL(entry));
const llama = await getLlama({build: "never", gpu: false, logLevel: "error"});
const model = await llama.loadModel({modelPath});

async function answer(prompts, tokens, temperature) {
    const context = await model.createContext({
        contextSize: 512, batchSize: 512, sequences: prompts.length, threads: Number(threads),
    });
    const began = performance.now();
    const cpu = process.cpuUsage();
    const firsts = await Promise.all(prompts.map(async (prompt, index) => {
        let first, count = 0;
        for await (const _ of context.getSequence().evaluate(prompt, {
            temperature, topK: 0, seed: index, yieldEogToken: true,
        })) {
            first ??= (performance.now() - began) / 1000;
            if (++count === tokens) break;
        }
        return {first, count};
    }));
    const used = process.cpuUsage(cpu);
    const result = {
        wall: (performance.now() - began) / 1000,
        cpu: (used.user + used.system) / 1e6,
        firsts: firsts.map(each => each.first),
        tokens: firsts.reduce((sum, each) => sum + each.count, 0),
    };
    await context.dispose();
    return result;
}

console.log(JSON.stringify({ready: true}));
for await (const line of createInterface({input: process.stdin})) {
    const {prompts, tokens, temperature} = JSON.parse(line);
    console.log(JSON.stringify(await answer(prompts, tokens, temperature)));
}
process.exit(0);
