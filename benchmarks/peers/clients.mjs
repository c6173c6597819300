// Calls of JavaScript clients to an OpenAI-compatible service; run by `tutelage bench clients`.
//     node clients.mjs NODE_MODULES URL KEY CLIENT      URL ends in /v1
// It prints one JSON object per use: {"use", "ok", "error"}; the caller adds the versions.
import {ok} from "node:assert/strict";
import {createRequire} from "node:module";
import {pathToFileURL} from "node:url";

const [modules, baseURL, apiKey, client] = process.argv.slice(2);
const {resolve} = createRequire(`${modules}/`);
const load = (name) => import(pathToFileURL(resolve(name)));
const model = "tutelage";
const encoder = "all-minilm-l6-v2";
const prompt = "Name a colour.";
const messages = [{role: "user", content: prompt}];
const ROOM = 24; // tokens of an answer

async function joined(parts, text) {
    let all = "";
    for await (const part of parts) all += text(part) ?? "";
    return all;
}

async function openaiNode() {
    const {default: OpenAI} = await load("openai");
    const openai = new OpenAI({baseURL, apiKey, maxRetries: 0});
    const chat = {model, messages, max_tokens: ROOM};
    const response = {model, input: "Hello", max_output_tokens: ROOM};
    const text = {model, prompt: "Once upon", max_tokens: ROOM};
    return {
        "create, with several choices and log-probabilities": async () => {
            const found = await openai.chat.completions.create({...chat, n: 2, logprobs: true});
            ok(found.choices.length === 2 && found.choices.every((each) => each.message.content));
        },
        "create, streamed": async () => {
            const stream = await openai.chat.completions.create({...chat, stream: true});
            ok(await joined(stream, (part) => part.choices[0]?.delta.content));
        },
        "chat.completions.stream with its final content and usage": async () => {
            const stream_options = {include_usage: true};
            const stream = openai.chat.completions.stream({...chat, stream_options});
            ok(await stream.finalContent());
            ok((await stream.totalUsage()).total_tokens);
        },
        "completions, whole and streamed": async () => {
            ok((await openai.completions.create(text)).choices[0].text);
            const stream = await openai.completions.create({...text, stream: true});
            ok(await joined(stream, (part) => part.choices[0]?.text));
        },
        "responses, whole, then continued and streamed": async () => {
            const first = await openai.responses.create(response);
            ok(first.output_text);
            const next = {...response, previous_response_id: first.id, stream: true};
            const events = await openai.responses.create(next);
            ok(await joined(events, (event) => (event.type.endsWith("text.delta") ? event.delta : "")));
        },
        "models, moderations, embeddings": async () => {
            ok((await openai.models.list()).data.some((each) => each.id === model));
            ok((await openai.moderations.create({input: "a flower"})).results);
            const found = await openai.embeddings.create({model: encoder, input: ["a", "b"]});
            ok(found.data.every((each) => each.embedding.length === 384));
        },
    };
}

async function aiSdk() {
    const {embed, generateObject, generateText, jsonSchema, streamText} = await load("ai");
    const openai = (await load("@ai-sdk/openai")).createOpenAI({baseURL, apiKey});
    const compatible = (await load("@ai-sdk/openai-compatible")).createOpenAICompatible({
        name: model, baseURL, apiKey, includeUsage: true, supportsStructuredOutputs: true,
    });
    const providers = {
        "@ai-sdk/openai chat": openai.chat(model),
        "@ai-sdk/openai responses": openai.responses(model),
        "@ai-sdk/openai-compatible": compatible(model),
        "@ai-sdk/openai completion": openai.completion(model),
    };
    const schema = jsonSchema({
        type: "object", properties: {warm: {type: "boolean"}}, required: ["warm"],
        additionalProperties: false,
    });
    const found = {};
    for (const [name, of] of Object.entries(providers)) {
        const call = {model: of, prompt, maxOutputTokens: ROOM, maxRetries: 0};
        found[`${name}: generateText, streamText`] = async () => {
            ok((await generateText({...call, system: "Be brief."})).text);
            let failed;
            const stream = streamText({...call, onError: ({error}) => { failed = error; }});
            const all = await joined(stream.textStream, (part) => part);
            if (failed) throw failed;
            ok(all);
        };
        if (name.endsWith("completion")) continue;
        found[`${name}: generateObject`] = async () => {
            const {object} = await generateObject({...call, schema, maxOutputTokens: 60});
            ok(typeof object.warm === "boolean");
        };
    }
    found["@ai-sdk/openai: embed"] = async () => {
        const {embedding} = await embed({model: openai.embedding(encoder), value: "a", maxRetries: 0});
        ok(embedding.length === 384);
    };
    return found;
}

const uses = await {"openai-node": openaiNode, "ai-sdk": aiSdk}[client]();
for (const [use, call] of Object.entries(uses)) {
    const error = await call().then(() => null, (error) => String(error.responseBody ?? error));
    console.log(JSON.stringify({use, ok: error === null, error}));
}
