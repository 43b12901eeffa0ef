// The applications of LangChain.js that `tests.scripts.record_agents` plays: node record_agents.mjs SCENARIO
import { awaitAllCallbacks } from "@langchain/core/callbacks/promises";
import { MemorySaver } from "@langchain/langgraph";
import { ChatOpenAI } from "@langchain/openai";
import { createAgent, summarizationMiddleware, tool } from "langchain";
import * as z from "zod";

const model = () => new ChatOpenAI({ model: "gpt-4o-mini", maxRetries: 0 });
const ask = (agent, content, thread) =>
  agent.invoke({ messages: [{ role: "user", content }] }, thread && { configurable: { thread_id: thread } });
const systemPrompt = "You are terse.";
const getWeather = tool(({ city }) => `Rain in ${city}`, {
  name: "get_weather",
  description: "Get the weather in a city.",
  schema: z.object({ city: z.string() }),
});

const scenarios = {
  async js_named_agent() {
    const checkpointer = new MemorySaver();
    const agent = createAgent({ model: model(), tools: [getWeather], systemPrompt, name: "support", checkpointer });
    await ask(agent, "Weather in two cities?", "thread-1");
    await ask(agent, "Thanks", "thread-1");
  },
  async js_sub_agents() {
    const research = createAgent({ model: model(), tools: [getWeather], systemPrompt, name: "research" });
    const askResearch = tool(async ({ question }) => (await ask(research, question)).messages.at(-1).content, {
      name: "ask_research",
      description: "Ask the researcher.",
      schema: z.object({ question: z.string() }),
    });
    await ask(createAgent({ model: model(), tools: [askResearch], systemPrompt, name: "main" }), "Weather?");
  },
  async js_summarizing_agent() {
    const short = summarizationMiddleware({ model: model(), trigger: { messages: 4 }, keep: { messages: 2 } });
    const agent = createAgent({ model: model(), tools: [], middleware: [short], checkpointer: new MemorySaver() });
    for (const text of ["One?", "Two?", "Three?"]) await ask(agent, text, "thread-1");
  },
};

await scenarios[process.argv[2]]();
await awaitAllCallbacks();
