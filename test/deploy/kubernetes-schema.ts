/** Checks objects against the schemas of Kubernetes, of KEDA and of the Gateway API, as strictly as an API server does. */
import { HTTPRoute } from '@kubernetes-models/gateway-api/gateway.networking.k8s.io/v1/HTTPRoute';
import { ScaledObject } from '@kubernetes-models/keda/keda.sh/v1alpha1/ScaledObject';
import { TriggerAuthentication } from '@kubernetes-models/keda/keda.sh/v1alpha1/TriggerAuthentication';
import { Deployment } from 'kubernetes-models/apps/v1/Deployment';
import { HorizontalPodAutoscaler } from 'kubernetes-models/autoscaling/v2/HorizontalPodAutoscaler';
import { NetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1/NetworkPolicy';
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1/PodDisruptionBudget';
import { ConfigMap } from 'kubernetes-models/v1/ConfigMap';
import { Namespace } from 'kubernetes-models/v1/Namespace';
import { Secret } from 'kubernetes-models/v1/Secret';
import { Service } from 'kubernetes-models/v1/Service';
import type { Yaml } from './deploy-files.ts';

const MODELS = {
  ConfigMap,
  Deployment,
  HTTPRoute,
  HorizontalPodAutoscaler,
  Namespace,
  NetworkPolicy,
  PodDisruptionBudget,
  ScaledObject,
  Secret,
  Service,
  TriggerAuthentication,
};
type Kind = keyof typeof MODELS;

/**
 * Returns what is wrong with an object; nothing for a good one.
 *
 * @throws {Error} for a kind that has no schema here.
 */
export function faultsOf(object: Yaml): string[] {
  const Model = MODELS[object.kind as Kind];
  if (Model === undefined) throw new Error(`there is no schema for the kind "${object.kind}"`);
  if (object.apiVersion !== Model.apiVersion) return [`apiVersion must be ${Model.apiVersion}`];
  // Not a new Model, which would read and copy every property.
  const watched = watch(Object.assign(Object.create(Model.prototype), object));
  const faults: string[] = [];
  try {
    watched.object.validate();
  } catch (error) {
    faults.push((error as Error).message);
  }
  return [...faults, ...watched.unread().map((name) => `${name} is no property`)];
}

/**
 * Wraps an object, to tell which of its properties a validator has not read: those that its schema does not know. The validators
 * are compiled, and say nothing of such properties by themselves.
 */
function watch(object: Yaml): { object: Yaml; unread(): string[] } {
  const unread = new Set<string>();
  const wrap = (value: Yaml, at: string): Yaml => {
    if (typeof value !== 'object' || value === null) return value;
    const nameOf = (key: string) => (at === '' ? key : `${at}.${key}`);
    const children = new Map(Object.entries(value).map(([key, child]) => [key, wrap(child, nameOf(key))]));
    if (!Array.isArray(value)) for (const key of children.keys()) unread.add(nameOf(key));
    return new Proxy(value, {
      get(target, key) {
        if (typeof key !== 'string' || !children.has(key)) return target[key];
        unread.delete(nameOf(key));
        return children.get(key);
      },
    });
  };
  return { object: wrap(object, ''), unread: () => [...unread] };
}
