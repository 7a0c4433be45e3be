export { HostFeeds, type FeedLink, type LogFacts } from './host-feeds.js';
