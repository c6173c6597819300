/** The user's own account and keys; for operators, all users and the settings. */
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { api, unwrap } from "./client";
import type { components } from "./schema";

type Schemas = components["schemas"];

export type Account = Schemas["Account"];
export type Key = Schemas["KeyItem"];
export type NewKey = Schemas["NewKey"];
export type Scope = Schemas["Scope"];
export type Quota = Schemas["QuotaStanding"];
export type UserRow = Schemas["UserItem"];
export type Role = Schemas["Role"];
export type Setting = Schemas["SettingItem"];

export const account = {
  get: () => unwrap(api.GET("/v1/account")),
  change: (body: Schemas["AccountChange"]) => unwrap(api.PATCH("/v1/account", { body })),
  erase: (confirm: string) => unwrap(api.POST("/v1/account/erasure", { body: { confirm } })),
  askAgain: (feedback_id: string) => unwrap(api.POST("/v1/account/feedback/{feedback_id}/again", { params: { path: { feedback_id } } })),
  keys: () => unwrap(api.GET("/v1/account/keys")),
  createKey: (body: Schemas["KeyRequest"]) => unwrap(api.POST("/v1/account/keys", { body })),
  revokeKey: (key_id: string) => unwrap(api.DELETE("/v1/account/keys/{key_id}", { params: { path: { key_id } } })),
};

export const inbox = {
  list: (after?: string) => unwrap(api.GET("/v1/account/inbox", { params: { query: { after } } })),
  unread: () => unwrap(api.GET("/v1/account/inbox/unread")),
  read: (newest: string) => unwrap(api.POST("/v1/account/inbox/read", { body: { newest } })),
};

export const mail = {
  get: () => unwrap(api.GET("/v1/account/mail")),
  set: (address: string) => unwrap(api.PUT("/v1/account/mail", { body: { address } })),
  confirm: (code: string) => unwrap(api.POST("/v1/account/mail/confirm", { body: { code } })),
  remove: () => unwrap(api.DELETE("/v1/account/mail")),
};

export const users = {
  list: (after?: string, q?: string) =>
    unwrap(api.GET("/v1/operator/users", { params: { query: { after, q, limit: 30 } } })),
  invite: (name: string, role: Role) => unwrap(api.POST("/v1/operator/users", { body: { name, role } })),
  change: (user_id: string, body: Schemas["UserChange"]) =>
    unwrap(api.PATCH("/v1/operator/users/{user_id}", { params: { path: { user_id } }, body })),
  link: (user_id: string) =>
    unwrap(api.POST("/v1/operator/users/{user_id}/link", { params: { path: { user_id } } })),
  revokeKey: (key_id: string) => unwrap(api.DELETE("/v1/operator/keys/{key_id}", { params: { path: { key_id } } })),
};

const named = (name: string) => ({ params: { path: { name } } });

export const settings = {
  list: () => unwrap(api.GET("/v1/operator/settings")),
  save: (name: string, value: string | number | boolean) =>
    unwrap(api.PUT("/v1/operator/settings/{name}", { ...named(name), body: { value } })),
  reset: (name: string) => unwrap(api.DELETE("/v1/operator/settings/{name}", named(name))),
};

export type SiteKey = Schemas["SiteKeyItem"];
export type NewSiteKey = Schemas["NewSiteKey"];
export type SiteRules = Schemas["SiteRules"];

export const siteKeys = {
  list: () => unwrap(api.GET("/v1/operator/site-keys")),
  create: (body: Schemas["SiteKeyRequest"]) => unwrap(api.POST("/v1/operator/site-keys", { body })),
};

export function useSiteKeys() {
  return useQuery({ queryKey: ["operator", "site-keys"], queryFn: siteKeys.list });
}

export function useAccount() {
  return useQuery({ queryKey: ["account"], queryFn: account.get });
}

export function useKeys() {
  return useQuery({ queryKey: ["account", "keys"], queryFn: account.keys });
}

export function useUsers(query: string) {
  return useInfiniteQuery({
    queryKey: ["operator", "people", query],
    queryFn: ({ pageParam }) => users.list(pageParam || undefined, query || undefined),
    initialPageParam: "",
    getNextPageParam: (page) => (page.has_more ? page.data.at(-1)?.id : undefined),
    placeholderData: (before) => before,
  });
}

export function useSettings() {
  return useQuery({ queryKey: ["operator", "settings"], queryFn: settings.list });
}

export type Story = Schemas["FeedbackStory"];
export type TaughtIteration = Schemas["TaughtIteration"];
export type News = Schemas["NewsItem"];
export type AnswersAgain = Schemas["AnswersAgain"];
export type ErasureRow = Schemas["ErasureItem"];

const chat = (conversation_id: string) => ({ path: { conversation_id } });

export const sharing = {
  list: (id: string) => unwrap(api.GET("/v1/conversations/{conversation_id}/shares", { params: chat(id) })),
  make: (id: string, leaf_id: string) =>
    unwrap(api.POST("/v1/conversations/{conversation_id}/shares", { params: chat(id), body: { leaf_id } })),
  withdraw: (conversation_id: string, token: string) =>
    unwrap(api.DELETE("/v1/conversations/{conversation_id}/shares/{token}", { params: { path: { conversation_id, token } } })),
  read: (token: string) => unwrap(api.GET("/v1/shared/{token}", { params: { path: { token } } })),
};

export const erasures = {
  list: () => unwrap(api.GET("/v1/operator/erasures")),
  retrain: (erasure_id: string, preset: Schemas["IterationRequest"]["preset"]) =>
    unwrap(api.POST("/v1/operator/erasures/{erasure_id}/retrain", { params: { path: { erasure_id } }, body: { preset } })),
};

export function useMyFeedback(iteration: string | null) {
  return useInfiniteQuery({
    queryKey: ["account", "feedback", iteration],
    queryFn: ({ pageParam }) =>
      unwrap(api.GET("/v1/account/feedback", { params: { query: { after: pageParam || undefined, iteration } } })),
    initialPageParam: "",
    getNextPageParam: (page) => (page.has_more ? page.data.at(-1)?.id : undefined),
  });
}

export function useTaught() {
  return useQuery({ queryKey: ["account", "feedback", "summary"], queryFn: () => unwrap(api.GET("/v1/account/feedback/summary")) });
}

export function useInbox() {
  return useInfiniteQuery({
    queryKey: ["account", "inbox"],
    queryFn: ({ pageParam }) => inbox.list(pageParam || undefined),
    initialPageParam: "",
    getNextPageParam: (page) => (page.has_more ? page.data.at(-1)?.id : undefined),
  });
}

export function useMail() {
  return useQuery({ queryKey: ["account", "mail"], queryFn: mail.get });
}

export function useUnread(enabled: boolean) {
  const { data } = useQuery({ queryKey: ["account", "unread"], queryFn: inbox.unread, refetchInterval: 60_000, enabled });
  return data?.unread ?? 0;
}

export function useErasures() {
  return useQuery({ queryKey: ["operator", "erasures"], queryFn: erasures.list });
}
